"""A published set of images as a tree of lossless ones, FOLDER/{train,test}/CLASS/NAME.png, verified as a whole.

A label is a class's place among the sorted names of classes; the order is that of split, class and name, so subsets and
batches are others than those of the published form, and so is the identity of a run. Decoding CIFAR-100's 60,000 files
takes some 15 s, so the pixels are kept: `images/NAME-FINGERPRINT.pixels` below the cache folder. Beside it an empty
file marks every tree that was read and found sound, by its files' names, sizes and times; so a tree that changed is
read again.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.images.arrays import Split
from benchmarks.workloads.data.images.decode import UNREADABLE
from benchmarks.workloads.data.places import cache_folder
from results import reading
from results.errors import ResultsError
from results.files import whole

FILE_BYTES = 2**16  # CIFAR-100's largest has 3 kB

Pixels = NDArray[np.uint8]


class File(NamedTuple):
    """An image below the tree's folder, its class's place, and what tells that it was not changed since."""

    name: str
    label: int
    size: int
    changed: int


def read(card: DataCard, place: Path) -> tuple[Split, Split]:
    """The training and the test split of the tree at `place`, the images as uint8 of shape (N, *card.shape).

    Raises UserError where the tree is not the card's: another number of classes or images, a file that is no regular
    one or cannot be decoded, or other contents. A cache that cannot be written costs time, and is no error.
    """
    files = listed(card, place)
    kept = cache_folder() / "images" / f"{card.name}-{card.as_tree.sha256[:16]}.pixels"
    mark = kept.parent / f"{_state(card, place, files)}.read"
    pixels = _kept(card, kept, files) if os.path.exists(mark) else None
    if pixels is None:
        pixels = np.empty((len(files), *card.shape), np.uint8)
        for image, file in zip(pixels, files, strict=True):
            image[...] = _decoded(card, place / file.name)
        if (sha256 := fingerprint(files, pixels)) != card.as_tree.sha256:
            raise UserError(
                f"{card.title}: the images in {place} are not those of the data card (sha256 {sha256}, in the card "
                f"{card.as_tree.sha256}): a file was changed or renamed; make the tree anew, or {card.obtain}."
            )
        with suppress(ResultsError, OSError):
            with whole(kept) as stream:
                stream.write(pixels.data)
            mark.touch()
    labels = np.array([file.label for file in files], np.int64)
    parts = slice(card.train_samples), slice(card.train_samples, None)
    train, test = (Split(pixels[part], labels[part]) for part in parts)
    return train, test


def fingerprint(files: Sequence[File], pixels: Pixels) -> str:
    """The sha256 of SPLIT/CLASS/NAME, a line feed and the bytes (C, H, W) of every image, in the tree's order."""
    digest = hashlib.sha256()
    for file, image in zip(files, pixels, strict=True):
        digest.update(os.fsencode(file.name) + b"\n")
        digest.update(image.data)
    return digest.hexdigest()


def listed(card: DataCard, place: Path) -> list[File]:
    """The tree's files in their order, none opened; hidden ones are passed over. Raises UserError as `read` does."""
    try:
        return [
            *_split(card, place, "train", card.train_samples),
            *_split(card, place, "test", card.test_samples),
        ]
    except OSError as error:
        raise UserError(f"{card.title} in {place} cannot be listed ({error}): make the tree whole.") from error


def _split(card: DataCard, place: Path, split: str, samples: int) -> list[File]:
    classes = sorted(entry.name for entry, _ in _entries(place / split, stat.S_ISDIR, "folder"))
    if len(classes) != card.classes:
        raise UserError(f"{place / split} has {len(classes)} classes, not {card.classes}: make the tree anew.")
    files = []
    for label, kind in enumerate(classes):
        images = _entries(place / split / kind, stat.S_ISREG, "regular file")
        files += sorted(File(f"{split}/{kind}/{it.name}", label, at.st_size, at.st_mtime_ns) for it, at in images)
    if len(files) != samples:
        raise UserError(f"{place / split} has {len(files)} images, not {samples}: make the tree anew.")
    return files


def _entries(
    folder: Path, is_kind: Callable[[int], bool], words: str
) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            found = entry.stat(follow_symlinks=False)
            if not is_kind(found.st_mode):
                raise UserError(f"{entry.path} is no {words}, as the tree needs there: remove it.")
            yield entry, found


def _decoded(card: DataCard, path: Path) -> Pixels:
    _, height, width = card.shape
    try:
        packed = io.BytesIO(reading.content(path, FILE_BYTES))
        with Image.open(packed, formats=("PNG",)) as image:
            if (image.size, image.mode) != ((width, height), "RGB"):  # before a pixel is decoded
                raise ValueError(f"it has {image.width} x {image.height} pixels, {image.mode}")
            return np.asarray(image).transpose(2, 0, 1)
    except UNREADABLE as error:
        raise UserError(f"The image {path} cannot be read ({error}): put a sound copy in its place.") from error


def _kept(card: DataCard, path: Path, files: Sequence[File]) -> Pixels | None:
    """The pixels that were kept, or None where they are missing or not those of the card."""
    shape = len(files), *card.shape
    try:
        with reading.opened(path, int(np.prod(shape))) as stream:
            pixels = np.fromfile(stream, np.uint8).reshape(shape)
    except (OSError, ValueError):
        return None
    return pixels if fingerprint(files, pixels) == card.as_tree.sha256 else None


def _state(card: DataCard, place: Path, files: Sequence[File]) -> str:
    """What a tree looks like without being opened, as 32 hexadecimal digits."""
    lines = (f"{file.name} {file.size} {file.changed}\n" for file in files)
    said = f"{card.as_tree.sha256} {os.path.realpath(place)}\n{''.join(lines)}"
    return hashlib.sha256(os.fsencode(said)).hexdigest()[:32]
