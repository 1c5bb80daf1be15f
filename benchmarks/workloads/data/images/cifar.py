"""CIFAR-10 and CIFAR-100 as published: found on this machine or downloaded, verified, then read.

The published files are pickles, which can run anything when opened. So each one's checksum is compared with the data
card's before it is opened, and the unpickler knows NumPy arrays only.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard, DataFile
from benchmarks.workloads.data.checksums import verified
from benchmarks.workloads.data.images.arrays import Split
from benchmarks.workloads.data.places import cache_folder, places


def read(card: DataCard, *, folder: Path | None = None) -> tuple[Split, Split]:
    """The training and the test split.

    Looked for in `folder`, and nowhere else, where it is given; otherwise in $BENCHMARKS_DATA, then in the cache, into
    which it is downloaded at last. Each may hold the unpacked folder, be that folder, or hold the archive.

    Raises UserError where the data is missing or is not what was published; nothing found is changed.
    """
    found = locate(card, folder)
    if found is None and folder is not None:
        raise missing(card, folder)
    if found is None:
        from benchmarks.workloads.data.images.download import fetch

        found = fetch(card, cache_folder())
    return read_place(card, found)


def locate(card: DataCard, folder: Path | None = None) -> Path | None:
    """The first unpacked folder or archive in the places where `read` looks, or None; nothing is opened.

    Whether it is sound is not asked: a broken one is named by `read`, never passed over.
    """
    for place in places(folder):
        for candidate in (place / card.published.folder, place / card.published.archive):
            if os.path.exists(candidate):  # False, not an error, where looking is forbidden
                return candidate
        itself = place.name in (card.published.folder, card.published.archive) and os.path.exists(place)
        if itself or all(os.path.isfile(place / file.name) for file in card.published.split("train")):
            return place
    return None


def missing(card: DataCard, folder: Path | None = None) -> UserError:
    """What to tell who has no such data."""
    looked = ", then ".join(map(str, places(folder)))
    return UserError(
        f"{card.title} is missing: looked for {card.published.folder}/ and {card.published.archive} in {looked}; "
        f"{card.obtain}."
    )


def read_place(card: DataCard, place: Path) -> tuple[Split, Split]:
    """Both splits from the unpacked folder or the archive at `place`. Raises UserError as `read` does."""
    train, test = card.published.split("train"), card.published.split("test")
    contents = verified(card, place, (*train, *test))
    return _split(card, train, contents), _split(card, test, contents)


def _split(card: DataCard, files: Iterable[DataFile], contents: Mapping[str, bytes]) -> Split:
    batches = [_Arrays(io.BytesIO(contents[file.name]), encoding="latin1").load() for file in files]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, *card.shape)
    labels = np.concatenate([batch[card.published.labels_key] for batch in batches])
    return Split(images.astype(np.uint8, copy=False), labels.astype(np.int64))


class _Arrays(pickle.Unpickler):
    """Opens dictionaries, lists, strings, numbers and NumPy arrays, and calls nothing else."""

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
