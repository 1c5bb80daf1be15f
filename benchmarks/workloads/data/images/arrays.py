"""Images and labels as arrays: one split, fingerprints, and images decoded from a folder's files, which are cached."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads.data.cache import load_or_make
from benchmarks.workloads.data.class_folders import ClassFile
from benchmarks.workloads.data.places import cache_folder

Pixels = NDArray[np.uint8]


class Split(NamedTuple):
    """Images, uint8 of shape (N, C, H, W), and their labels, int64, or numbers as targets, float32, of shape (N,)."""

    images: Pixels
    labels: NDArray[Any]

    def take(self, chosen: NDArray[np.int64]) -> Split:
        """Returns the samples at these positions, as copies."""
        return Split(self.images[chosen], self.labels[chosen])


def fingerprint(train: Split, test: Split) -> str:
    """Returns the sha256 of both splits: of each array's name and shape, then its bytes (labels little-endian)."""
    digest, kinds = hashlib.sha256(), "<f4" if train.labels.dtype.kind == "f" else "<i8"
    for name, split in (("train", train), ("test", test)):
        for part, array, kind in (("images", split.images, "|u1"), ("labels", split.labels, kinds)):
            digest.update(f"{name} {part} {kind} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
    return digest.hexdigest()


def files_fingerprint(files: Sequence[ClassFile], pixels: Pixels, head: str = "") -> str:
    """Returns the sha256 of `head` and, image by image, of SPLIT/CLASS/NAME, a line feed and the bytes (C, H, W)."""
    digest = hashlib.sha256(head.encode())
    for file, image in zip(files, pixels, strict=True):
        digest.update(os.fsencode(file.name) + b"\n")
        digest.update(image.data)
    return digest.hexdigest()


def decode_files(
    files: Sequence[ClassFile],
    shape: tuple[int, ...],
    decode: Callable[[str], Pixels],
    check: Callable[[Pixels], None] = lambda pixels: None,
) -> Pixels:
    """Returns the images of files, uint8 (N, *shape), decoded once and cached until a file changes.

    decode: path -> one image of that shape. check: raises an error where the decoded images are not to be used; it is
    called before they are cached.

    Decoding CIFAR-100's 60,000 files takes some 15 s. `images/STATE.npz` below the cache folder is named by the files'
    paths, sizes and times.
    """
    lines = "".join(f"{file.path} {file.label} {file.size} {file.changed}\n" for file in files)
    state = hashlib.sha256(os.fsencode(f"{shape}\n{lines}")).hexdigest()[:32]

    def make() -> dict[str, Pixels]:
        pixels = np.empty((len(files), *shape), np.uint8)
        for into, file in zip(pixels, files, strict=True):
            into[...] = decode(file.path)
        check(pixels)
        return {"pixels": pixels}

    most_bytes = len(files) * int(np.prod(shape)) + 2**20
    return load_or_make(cache_folder() / "images" / f"{state}.npz", make, most_bytes=most_bytes)["pixels"]


def split_files(train: Sequence[ClassFile], test: Sequence[ClassFile], pixels: Pixels) -> tuple[Split, Split]:
    """Returns both splits of the images of `train` and, after them, of `test`."""
    labels = np.array([file.label for file in (*train, *test)], np.int64)
    return Split(pixels[: len(train)], labels[: len(train)]), Split(pixels[len(train) :], labels[len(train) :])
