"""Images and labels as arrays: one split, its fingerprint and its balanced subsets."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads.data.random_keys import Purpose, order


class Split(NamedTuple):
    """Images, uint8 of shape (N, C, H, W), and their labels, int64 of shape (N,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def take(self, chosen: NDArray[np.int64]) -> Split:
        """The samples at these positions, as copies."""
        return Split(self.images[chosen], self.labels[chosen])


def fingerprint(train: Split, test: Split) -> str:
    """The sha256 of both splits: of each array's name and shape, then its bytes (labels little-endian)."""
    digest = hashlib.sha256()
    for name, split in (("train", train), ("test", test)):
        for part, array, kind in (("images", split.images, "|u1"), ("labels", split.labels, "<i8")):
            digest.update(f"{name} {part} {kind} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
    return digest.hexdigest()


def balanced(labels: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    """The positions, ascending, of a fixed subset with equal shares of the classes (to within one, while they last).

    It depends on `labels` and `samples` alone, and a smaller subset lies within a larger one.
    """
    shuffled = order(len(labels), Purpose.SUBSET)
    grouped = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = grouped[np.lexsort((labels[grouped], rank))][:samples]  # by rank, then by class
    return np.sort(first)
