"""CIFAR-10 and -100 as published, or as a tree of images: found on this machine or downloaded, verified, then read.

The published files are pickles, which can run anything when opened. So each one's checksum is compared with the data
card's before it is opened, and the unpickler knows NumPy arrays only.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.workloads.data.cards import DataCard, DataFile
from benchmarks.workloads.data.checksums import verified
from benchmarks.workloads.data.images.arrays import Split
from benchmarks.workloads.data.images.cifar_places import is_tree, locate, missing
from benchmarks.workloads.data.places import cache_folder


def read(card: DataCard, *, folder: Path | None = None) -> tuple[Split, Split]:
    """Returns the training and the test split.

    Looked for in `folder`, and nowhere else, where it is given; otherwise in $BENCHMARKS_DATA, then in the cache, into
    which it is downloaded at last. Each may hold the unpacked folder, be that folder, or hold the archive; or hold, or
    be, the card's tree of images, which is taken where the same place has no published form.

    Raises UserError where the data is missing or is not what was published; nothing found is changed.
    """
    return read_place(card, locate_or_download(card, folder))


def locate_or_download(card: DataCard, folder: Path | None = None) -> Path:
    """Returns where the data is, downloading it if need be.

    Raises UserError where it is missing from a given folder.
    """
    place = locate(card, folder)
    if place is None and folder is not None:
        raise missing(card, folder)
    if place is None:
        from benchmarks.workloads.data.images.download import fetch

        place = fetch(card, cache_folder())
    return place


def read_place(card: DataCard, place: Path) -> tuple[Split, Split]:
    """Returns both splits from the unpacked folder, archive or tree at `place`. Raises UserError as `read` does."""
    if is_tree(card, place):
        from benchmarks.workloads.data.images import png_tree

        return png_tree.read(card, place)
    train, test = card.published.split("train"), card.published.split("test")
    contents = verified(card, place, (*train, *test))
    return _split(card, train, contents), _split(card, test, contents)


def _split(card: DataCard, files: Iterable[DataFile], contents: Mapping[str, bytes]) -> Split:
    batches = [_Arrays(io.BytesIO(contents[file.name]), encoding="latin1").load() for file in files]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, *card.shape)
    labels = np.concatenate([batch[card.published.labels_key] for batch in batches])
    return Split(images.astype(np.uint8, copy=False), labels.astype(np.int64))


class _Arrays(pickle.Unpickler):
    """Unpickles dictionaries, lists, strings, numbers and NumPy arrays, and nothing else."""

    _known: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],  # moved in NumPy 2
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._known[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a data file") from None
