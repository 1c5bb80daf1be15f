"""One's own images, in memory: arrays, or a folder, decoded, brought to one size, and kept in the cache.

`images/FINGERPRINT.pixels` below the cache folder holds the pixels; beside it `STATE.read` names the fingerprint of
every folder that was read, by its files' names, sizes and times, so that a folder that changed is read again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.errors import UserError
from benchmarks.workloads.data import class_folders
from benchmarks.workloads.data.cards import OwnData
from benchmarks.workloads.data.images import arrays, own_arrays
from benchmarks.workloads.data.images.arrays import Split, load_pixels, store_pixels
from benchmarks.workloads.data.images.decode import open_rgb
from benchmarks.workloads.data.images.folder_tree import IMAGES
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.memory import machine_memory
from results import reading

Pixels = NDArray[np.uint8]
Shape = tuple[int, int, int]
_SHARES = 4  # of the machine's memory: each training process holds the images


class OwnImages(NamedTuple):
    """A user's images, both splits, uint8 (N, C, H, W). sha256: of names and pixels, or of arrays."""

    train: Split
    test: Split
    classes: int
    sha256: str


def read(name: str, place: OwnData, shape: Shape) -> OwnImages:
    """Returns all images in this shape; others are scaled until they cover it, and cut at their edges.

    Raises UserError where the folder has another layout, an image cannot be read, or all do not fit into memory.
    """
    if place.place.suffix == ".npz":
        train, test = own_arrays.read(place.place, shape, machine_memory() // _SHARES)
        classes = 1 if train.labels.dtype.kind == "f" else int(train.labels.max()) + 1
        return OwnImages(train, test, classes, arrays.fingerprint(train, test))
    tree = class_folders.tree(place.place, IMAGES, place.held_out)
    files = (*tree.train, *tree.test)
    _check_memory(name, len(files), shape)
    folder = cache_folder() / "images"
    mark = folder / f"{hashlib.sha256(f'{tree.state} {shape}'.encode()).hexdigest()[:32]}.read"
    pixels = _load_cached(folder, mark, tree, shape)
    if pixels is None:
        pixels = np.empty((len(files), *shape), np.uint8)
        for into, file in zip(pixels, files, strict=True):
            into[...] = _decoded(file.path, shape)
        sha256 = fingerprint(tree, pixels)
        store_pixels(folder / f"{sha256}.pixels", pixels, mark, sha256)
    labels, cut = np.array([file.label for file in files], np.int64), len(tree.train)
    train, test = (Split(pixels[part], labels[part]) for part in (slice(cut), slice(cut, None)))
    return OwnImages(train, test, len(tree.classes), fingerprint(tree, pixels))


def fingerprint(tree: class_folders.ClassTree, pixels: Pixels) -> str:
    """Returns the sha256 of the shape and, image by image, of SPLIT/CLASS/NAME, a line feed and the bytes (C, H, W)."""
    digest = hashlib.sha256(f"{pixels.shape[1:]}\n".encode())
    splits = ["train"] * len(tree.train) + ["test"] * len(tree.test)
    for split, file, image in zip(splits, (*tree.train, *tree.test), pixels, strict=True):
        digest.update(os.fsencode(f"{split}/{tree.classes[file.label]}/{os.path.basename(file.path)}") + b"\n")
        digest.update(image.data)
    return digest.hexdigest()


def mean_and_std(images: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation per channel, of values between 0 and 1, to four digits."""
    channels = images.transpose(1, 0, 2, 3).reshape(images.shape[1], -1)
    levels = np.arange(256)
    counts = [np.bincount(channel, minlength=256) for channel in channels]  # exact, whatever the size
    means = [float(np.average(levels, weights=count)) for count in counts]
    spreads = [
        float(np.sqrt(np.average((levels - mean) ** 2, weights=count)))
        for mean, count in zip(means, counts, strict=True)
    ]
    return tuple(round(mean / 255, 4) for mean in means), tuple(round(spread / 255, 4) for spread in spreads)


def _check_memory(name: str, images: int, shape: Shape) -> None:
    needed = images * int(np.prod(shape))
    if needed > machine_memory() // _SHARES:
        size = "x".join(map(str, shape))
        raise UserError(
            f"{name}: {images:,} images of {size} take {needed / 1e9:.1f} GB of memory, more than a quarter of this "
            "machine's: give a smaller shape; or run a table of ImageNet with --data FOLDER, which decodes images as "
            "they are needed."
        )


def _decoded(path: str, shape: Shape) -> Pixels:
    channels, height, width = shape
    image = open_rgb(path)
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    values = np.asarray(image if channels == 3 else image.convert("L"))
    return values.reshape(height, width, channels).transpose(2, 0, 1)


def _load_cached(folder: Path, mark: Path, tree: class_folders.ClassTree, shape: Shape) -> Pixels | None:
    """Returns the cached pixels, or None where they are missing or not as they were written."""
    try:
        sha256 = reading.content(mark, 64).decode()
    except (OSError, ValueError):
        return None
    pixels = load_pixels(folder / f"{sha256}.pixels", (len(tree.train) + len(tree.test), *shape))
    return pixels if pixels is not None and fingerprint(tree, pixels) == sha256 else None
