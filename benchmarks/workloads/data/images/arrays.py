"""Images and labels as arrays: one split, and the fingerprint of two."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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
