"""Images and labels as arrays: one split, the fingerprint of two, and decoded ones in the cache."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from results import reading
from results.errors import ResultsError
from results.files import whole


class Split(NamedTuple):
    """Images, uint8 of shape (N, C, H, W), and their labels, int64, or numbers as targets, float32, of shape (N,)."""

    images: NDArray[np.uint8]
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


def store_pixels(path: Path, pixels: NDArray[np.uint8], mark: Path, words: str = "") -> None:
    """Caches decoded images, and beside them a mark with `words`. A cache that cannot be written is no error."""
    with suppress(ResultsError, OSError):
        for file, content in ((path, pixels.data), (mark, words.encode())):
            with whole(file) as stream:
                stream.write(content)


def load_pixels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Returns cached images; None where missing or of another size. The caller compares their fingerprint."""
    try:
        with reading.opened(path, int(np.prod(shape))) as stream:
            return np.fromfile(stream, np.uint8).reshape(shape)
    except (OSError, ValueError):
        return None
