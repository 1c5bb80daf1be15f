"""Random choices of a generated text, one after another, from one key: the same on every machine and version."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.workloads.data.random_keys import Purpose, draw


class Chooser:
    """Makes the random choices of one text, of which there may be `count`."""

    def __init__(self, count: int, purpose: Purpose, number: int) -> None:
        self._bits = iter(draw(count, purpose, number).tolist())

    def below(self, limit: int) -> int:
        """Returns a number from 0 to limit - 1, as `random_keys.below`, one at a time."""
        return int((next(self._bits) >> 32) * limit >> 32)

    def of(self, values: Sequence[str]) -> str:
        """Returns one of the values."""
        return values[self.below(len(values))]
