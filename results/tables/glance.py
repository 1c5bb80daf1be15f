"""A table's answer, said first: how much sooner each row is than one of them, and what accuracy that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Bound = Literal["", "at least", "at most"]


@dataclass(frozen=True, slots=True)
class GlanceValue:
    """A value with its 95 % interval, whose ends are None where runs show no spread or there is one run alone.

    bound: what it is of the true value, where runs never arrived.
    """

    value: float
    low: float | None = None
    high: float | None = None
    bound: Bound = ""


@dataclass(frozen=True, slots=True)
class GlanceLine:
    """A row against its network's baseline, as measured and as published; None where one of the two has no value.

    speedup: the baseline's mean seconds over the row's; accuracy: its own less the baseline's, in percentage points.
    seeds: of how many, in words. same: the row's runs are the baseline's.
    """

    row: str
    label: str
    speedup: GlanceValue | None = None
    published_speedup: float | None = None
    accuracy: GlanceValue | None = None
    published_accuracy: float | None = None
    seeds: str = ""
    same: bool = False


@dataclass(frozen=True, slots=True)
class Glance:
    """One network's rows against one of them. network, baseline: for people; key, row: the same as keys.

    of, accuracy: in words, of what the speed-up is, such as "time to target, simulated seconds", and which accuracy.
    """

    network: str
    baseline: str
    of: str
    accuracy: str
    lines: tuple[GlanceLine, ...]
    key: str = ""
    row: str = ""

    @property
    def published(self) -> bool:
        """Whether anything stands beside what was measured."""
        return any(line.published_speedup is not None or line.published_accuracy is not None for line in self.lines)
