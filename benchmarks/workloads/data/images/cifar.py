"""CIFAR-10 and -100 as published, or as a tree of images: found on this machine or downloaded, verified, then read.

The published files are pickles, which can run anything when opened. So each one's checksum is compared with the data
card's before it is opened, and the unpickler knows NumPy arrays only.

A tree is FOLDER/{train,test}/CLASS/NAME.png, verified as a whole. A label is a class's place among the sorted names of
classes; the order is that of split, class and name, so subsets and batches are others than those of the published
form, and so is the identity of a run.
"""

from __future__ import annotations

import http.client
import io
import os
import pickle
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from filelock import FileLock
from PIL import Image

from benchmarks.errors import UserError
from benchmarks.workloads.data.archives import verified
from benchmarks.workloads.data.cards import DataCard, DataFile
from benchmarks.workloads.data.class_folders import ClassFile, class_files, list_classes
from benchmarks.workloads.data.images.arrays import Pixels, Split, decode_files, files_fingerprint, split_files
from benchmarks.workloads.data.images.decode import UNREADABLE, unreadable
from benchmarks.workloads.data.places import VARIABLE, cache_folder, is_tree, locate, missing
from results import reading

STALLED_SECONDS = 20.0
PNG_BYTES = 2**16  # CIFAR-100's largest has 3 kB


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
        place = _download(card, cache_folder())
    return place


def read_place(card: DataCard, place: Path) -> tuple[Split, Split]:
    """Returns both splits from the unpacked folder, archive or tree at `place`. Raises UserError as `read` does."""
    if is_tree(card, place):
        return _read_tree(card, place)
    train, test = card.published.split("train"), card.published.split("test")
    contents = verified(card, place, (*train, *test))
    return _split(card, train, contents), _split(card, test, contents)


def _download(card: DataCard, cache: Path) -> Path:
    """Downloads, verifies and unpacks the card's archive into `cache` -> its folder there.

    Processes that want the same data wait for the first one's download. Raises UserError where the download fails, its
    checksum differs or the cache cannot be written; the cache is then as it was.
    """
    target = cache / card.published.folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{card.name}.lock"):
            if not target.exists():
                with tempfile.TemporaryDirectory(dir=cache, prefix=f".{card.name}-") as folder:
                    os.replace(_unpacked(card, Path(folder)), target)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise UserError(
            f"{card.title} is neither in ${VARIABLE} nor in {cache}, and downloading {card.published.archive} "
            f"from {card.published.url} failed ({error}): {card.obtain}."
        ) from error
    return target


def _unpacked(card: DataCard, folder: Path) -> Path:
    from torchvision.datasets.utils import download_url

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALLED_SECONDS)  # torchvision sets none: a silent network would hold it for minutes
    try:
        # It raises RuntimeError where the checksum differs, and URLError (an OSError) where no server answers.
        download_url(card.published.url, folder, card.published.archive, card.published.md5)
    finally:
        socket.setdefaulttimeout(before)
    contents = verified(card, folder / card.published.archive, card.published.files)
    unpacked = folder / card.published.folder
    unpacked.mkdir()
    for name, content in contents.items():
        (unpacked / name).write_bytes(content)
    return unpacked


def _split(card: DataCard, files: Iterable[DataFile], contents: Mapping[str, bytes]) -> Split:
    batches = [_Arrays(io.BytesIO(contents[file.name]), encoding="latin1").load() for file in files]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, *card.shape)
    labels = np.concatenate([batch[card.published.labels_key] for batch in batches])
    return Split(images.astype(np.uint8, copy=False), labels.astype(np.int64))


def _read_tree(card: DataCard, place: Path) -> tuple[Split, Split]:
    """Returns both splits of the tree at `place`, images as uint8 (N, *card.shape).

    Raises UserError where the tree is not the card's: another number of classes or images, a link, a file that cannot
    be decoded, or other contents.
    """
    train = list_tree(card, place, "train", card.train_samples)
    test = list_tree(card, place, "test", card.test_samples)

    def check(pixels: Pixels) -> None:
        if (sha256 := files_fingerprint([*train, *test], pixels)) != card.as_tree.sha256:
            raise UserError(
                f"{card.title}: the images in {place} are not those of the data card (sha256 {sha256}, in the card "
                f"{card.as_tree.sha256}): a file was changed or renamed; make the tree anew, or {card.obtain}."
            )

    pixels = decode_files([*train, *test], card.shape, lambda path: _decode_png(card, Path(path)), check)
    return split_files(train, test, pixels)


def list_tree(card: DataCard, place: Path, split: str, samples: int) -> list[ClassFile]:
    """Returns the files of one split in order; opens none. Raises UserError as `read` does."""
    classes = list_classes(place / split, (".png",), strict=True)
    files = class_files(place / split, split, classes)
    if (len(classes), len(files)) != (card.classes, samples):
        raise UserError(
            f"{place / split} has {len(classes)} classes and {len(files)} images, not {card.classes} and {samples}: "
            "make the tree anew."
        )
    return files


def _decode_png(card: DataCard, path: Path) -> Pixels:
    _, height, width = card.shape
    try:
        packed = io.BytesIO(reading.content(path, PNG_BYTES))
        with Image.open(packed, formats=("PNG",)) as image:
            if (image.size, image.mode) != ((width, height), "RGB"):  # before a pixel is decoded
                raise ValueError(f"it has {image.width} x {image.height} pixels, {image.mode}")
            return np.asarray(image).transpose(2, 0, 1)
    except UNREADABLE as error:
        raise unreadable(path, error) from error


class _Arrays(pickle.Unpickler):
    """Unpickles dictionaries, lists, strings, numbers and NumPy arrays, and nothing else."""

    _classes: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],  # moved in NumPy 2
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._classes[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a data file") from None
