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
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.errors import UserError
from benchmarks.workloads.data import class_folders
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.class_folders import ClassFile
from benchmarks.workloads.data.images.arrays import Split, load_pixels, store_pixels
from benchmarks.workloads.data.images.decode import UNREADABLE
from benchmarks.workloads.data.places import cache_folder
from results import reading

FILE_BYTES = 2**16  # CIFAR-100's largest has 3 kB

Pixels = NDArray[np.uint8]


def read(card: DataCard, place: Path) -> tuple[Split, Split]:
    """Returns both splits of the tree at `place`, images as uint8 (N, *card.shape).

    Raises UserError where the tree is not the card's: another number of classes or images, a file that is no regular
    one or cannot be decoded, or other contents. A cache that cannot be written costs time, and is no error.
    """
    files = list_files(card, place)
    cached = cache_folder() / "images" / f"{card.name}-{card.as_tree.sha256[:16]}.pixels"
    mark = cached.parent / f"{_state(card, place, files)}.read"
    shape = len(files), *card.shape
    pixels = load_pixels(cached, shape) if os.path.exists(mark) else None
    if pixels is None or fingerprint(files, pixels) != card.as_tree.sha256:
        pixels = np.empty(shape, np.uint8)
        for image, file in zip(pixels, files, strict=True):
            image[...] = _decoded(card, place / file.path)
        if (sha256 := fingerprint(files, pixels)) != card.as_tree.sha256:
            raise UserError(
                f"{card.title}: the images in {place} are not those of the data card (sha256 {sha256}, in the card "
                f"{card.as_tree.sha256}): a file was changed or renamed; make the tree anew, or {card.obtain}."
            )
        store_pixels(cached, pixels, mark)
    labels = np.array([file.label for file in files], np.int64)
    parts = slice(card.train_samples), slice(card.train_samples, None)
    train, test = (Split(pixels[part], labels[part]) for part in parts)
    return train, test


def fingerprint(files: Sequence[ClassFile], pixels: Pixels) -> str:
    """Returns the sha256 of SPLIT/CLASS/NAME, a line feed and the bytes (C, H, W), image by image."""
    digest = hashlib.sha256()
    for file, image in zip(files, pixels, strict=True):
        digest.update(os.fsencode(file.path) + b"\n")
        digest.update(image.data)
    return digest.hexdigest()


def list_files(card: DataCard, place: Path) -> list[ClassFile]:
    """Returns the tree's files in order, paths relative to it; opens none. Raises UserError as `read` does."""
    files: list[ClassFile] = []
    for split, samples in (("train", card.train_samples), ("test", card.test_samples)):
        try:
            kinds = class_folders.list_classes(place / split, (".png",), alone=True)
        except OSError as error:
            raise UserError(f"{card.title} in {place} cannot be listed ({error}): make the tree whole.") from error
        if len(kinds) != card.classes:
            raise UserError(f"{place / split} has {len(kinds)} classes, not {card.classes}: make the tree anew.")
        in_split = [file for of_class in kinds.values() for file in of_class]
        if len(in_split) != samples:
            raise UserError(f"{place / split} has {len(in_split)} images, not {samples}: make the tree anew.")
        files += (file._replace(path=file.path.removeprefix(f"{place}{os.sep}")) for file in in_split)
    return files


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


def _state(card: DataCard, place: Path, files: Sequence[ClassFile]) -> str:
    """Returns a digest of a tree's names, sizes and times, 32 hexadecimal digits; opens no file."""
    lines = (f"{file.path} {file.size} {file.changed}\n" for file in files)
    text = f"{card.as_tree.sha256} {os.path.realpath(place)}\n{''.join(lines)}"
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:32]
