"""Random numbers that depend on a key alone: not on what was drawn before, on the thread, or on a version.

NumPy keeps the streams of its seed sequences and bit generators for good, which it does not promise for the methods of
its `Generator` (NEP 19); so orders and choices are made of raw bits here.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_WORD = 2**32


class Purpose(IntEnum):
    """The first word of a key, so that two uses never share a stream."""

    PERMUTATION = 1
    AUGMENTATION = 2
    SPLIT = 3
    SUBSET = 4
    TRAIN_PAIRS = 5
    TEST_PAIRS = 6
    TRAIN_SCENES = 7
    TEST_SCENES = 8
    REVIEWS_TRAIN = 20
    REVIEWS_TEST = 21
    PROSE = 22
    WINDOWS = 23
    SHARDS = 24
    SHARD_ORDER = 25


def draw(count: int, purpose: Purpose, a: int = 0, b: int = 0, c: int = 0) -> NDArray[np.uint64]:
    """Returns `count` words of 64 random bits, shape (count,), for one key of four words.

    Raises ValueError unless `a`, `b` and `c` lie in [0, 2**32): a longer number would overlap its neighbour.
    """
    if not (0 <= a < _WORD and 0 <= b < _WORD and 0 <= c < _WORD):
        raise ValueError(f"the words of a random key must lie in [0, 2**32), not {(a, b, c)}")
    return np.random.PCG64(np.random.SeedSequence((purpose, a, b, c))).random_raw(count)


def order(count: int, purpose: Purpose, a: int = 0, b: int = 0, c: int = 0) -> NDArray[np.int64]:
    """Returns a random permutation of 0 .. count - 1, shape (count,), for one key. Raises what `draw` raises."""
    return np.argsort(draw(count, purpose, a, b, c), kind="stable").astype(np.int64, copy=False)


def below(bits: NDArray[np.uint64], limit: int) -> NDArray[np.int64]:
    """Returns numbers in [0, limit), from the upper 32 of each word's bits (bias below limit / 2**32)."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


class Chooser:
    """Makes at most `count` random choices, one after another, of one key."""

    def __init__(self, count: int, purpose: Purpose, number: int) -> None:
        self._bits = iter(draw(count, purpose, number).tolist())

    def below(self, limit: int) -> int:
        """Returns a number from 0 to limit - 1, as the function `below`."""
        return int((next(self._bits) >> 32) * limit >> 32)

    def of(self, values: Sequence[str]) -> str:
        """Returns one of the values."""
        return values[self.below(len(values))]
