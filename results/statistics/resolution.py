"""Intervals and tests of values that are known to lie between two evaluations and no better.

A run that reached its target at an evaluation reached it after the one before: its value lies above value - width and
is at most the value. One rule for all that is computed of such values. The interval reaches from the low end of the
earliest values' interval to the high end of the latest ones'; and the spread between runs counts as no less than that
of values spread evenly between two evaluations (variance width^2 / 12: Sheppard, 1898), for runs that arrive at one
evaluation show none at all. docs/statistics.md has the figures, tests/results/test_resolution.py shows them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from results.statistics.intervals import (
    LEVEL,
    Interval,
    Spread,
    difference,
    log_ratio_interval,
    ratio_interval,
    spread,
    t_interval,
)


class Moments(Protocol):
    """Mean and standard deviation of n runs, as a summary has them, and by how much the mean may be too high."""

    @property
    def mean(self) -> float | None: ...
    @property
    def std(self) -> float | None: ...
    @property
    def n(self) -> int: ...
    @property
    def resolution(self) -> float | None: ...


def rounding_variance(widths: Sequence[float | None]) -> float:
    """The variance of a value that lies anywhere between two evaluations so far apart, on average over the runs."""
    known = [width or 0.0 for width in widths]
    return math.fsum(width**2 for width in known) / 12 / len(known) if known else 0.0


@dataclass(frozen=True, slots=True)
class Bracketed:
    """One value per run, between `earliest` and `latest`. least: the variance that the values have at least."""

    earliest: tuple[float, ...]
    latest: tuple[float, ...]
    least: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float], widths: Sequence[float | None] = ()) -> Bracketed:
        """widths: by how much each value may be too high; () where all are exact.

        Raises:
            ValueError: values and widths differ in length.
        """
        if not any(widths):
            return cls(tuple(values), tuple(values))
        early = (value - (width or 0.0) for value, width in zip(values, widths, strict=True))
        return cls(tuple(early), tuple(values), rounding_variance(widths))

    @property
    def exact(self) -> bool:
        return self.earliest == self.latest

    @property
    def widths(self) -> tuple[float, ...]:
        """Most by which each value may be too high."""
        return tuple(late - early for early, late in zip(self.earliest, self.latest, strict=True))

    @property
    def spreads(self) -> tuple[Spread, Spread] | None:
        """Spreads of the earliest and of the latest values; None for fewer than two runs."""
        low, high = spread(self.earliest, self.least), spread(self.latest, self.least)
        return None if low is None or high is None else (low, high)

    def minus(self, other: Bracketed) -> Bracketed:
        """Each value less the other's of the same run."""
        low = (a - b for a, b in zip(self.earliest, other.latest, strict=True))
        high = (a - b for a, b in zip(self.latest, other.earliest, strict=True))
        return Bracketed(tuple(low), tuple(high), self.least + other.least)

    def interval(self, level: float = LEVEL) -> Interval | None:
        """Interval of the mean; None for fewer than two runs."""
        found = self.spreads
        return None if found is None else hull(t_interval(found[0], level), t_interval(found[1], level))


def difference_interval(a: Bracketed, b: Bracketed, level: float = LEVEL) -> Interval | None:
    """Interval of the difference of two independent means (Welch); None where one has fewer than two runs."""
    spreads_a, spreads_b = a.spreads, b.spreads
    return None if spreads_a is None or spreads_b is None else difference_hull(spreads_a, spreads_b, level)


def bracketed_ratio(a: Bracketed, b: Bracketed, level: float = LEVEL, seed: int = 0) -> Interval | None:
    """Interval of the ratio of two independent means; from 0, or to infinity, where one of them may be 0.

    None where one has fewer than two runs. Raises ValueError where a latest value is not positive and finite.
    """
    if a.exact and b.exact:
        return ratio_interval(a.latest, b.latest, level, seed)
    spreads_a, spreads_b = a.spreads, b.spreads
    return None if spreads_a is None or spreads_b is None else ratio_hull(spreads_a, spreads_b, level)


def of_summary(known: Moments) -> tuple[Spread, Spread] | None:
    """The earliest and the latest of values that are known by mean and standard deviation; None without a spread."""
    if known.mean is None or known.std is None or known.n < 2:
        return None
    variance = max(known.std**2, rounding_variance([known.resolution])) / known.n
    latest = Spread(known.mean, variance, known.n - 1.0)
    return latest._replace(mean=known.mean - (known.resolution or 0.0)), latest


def summary_interval(known: Moments, level: float = LEVEL) -> Interval | None:
    """Interval of the mean of such values; None without a spread."""
    found = of_summary(known)
    return None if found is None else hull(t_interval(found[0], level), t_interval(found[1], level))


def difference_hull(a: tuple[Spread, Spread], b: tuple[Spread, Spread], level: float = LEVEL) -> Interval:
    """Interval of the difference of two means, each known by its earliest and its latest values."""
    low, high = difference(a[0], b[1]), difference(a[1], b[0])
    return hull(t_interval(low, level), t_interval(high, level))


def summary_difference(a: Moments, b: Moments) -> Interval | None:
    """Interval of the difference of two such means (Welch); None where one has no spread."""
    spreads_a, spreads_b = of_summary(a), of_summary(b)
    return None if spreads_a is None or spreads_b is None else difference_hull(spreads_a, spreads_b)


def ratio_hull(a: tuple[Spread, Spread], b: tuple[Spread, Spread], level: float) -> Interval:
    """Interval of the ratio of two means, each known by its earliest and its latest values."""
    low = log_ratio_interval(a[0], b[1], level).low if a[0].mean > 0 else 0.0
    high = log_ratio_interval(a[1], b[0], level).high if b[0].mean > 0 else math.inf
    return Interval(low, high, level)


def nearest(a: Bracketed, b: Bracketed) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both groups as near to each other as they may lie; the same values twice where their means may be equal.

    A test of these is of the least difference that the evaluations leave open.
    """
    if a.exact and b.exact:
        return a.latest, b.latest
    if mean(a.earliest) > mean(b.latest):
        return a.earliest, b.latest
    if mean(a.latest) < mean(b.earliest):
        return a.latest, b.earliest
    level = (mean(a.latest) + mean(b.latest)) / 2
    return (level,) * len(a.latest), (level,) * len(b.latest)


def hull(a: Interval, b: Interval) -> Interval:
    return Interval(min(a.low, b.low), max(a.high, b.high), a.level)


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
