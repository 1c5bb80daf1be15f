"""Intervals and tests of values that are only known to lie between two evaluations.

A run that reached its target at an evaluation did so after the one before: its value lies above value - width and is at
most the value. An interval therefore reaches from the low end of the earliest values' interval to the high end of the
latest values'. The spread between runs counts as at least that of values spread evenly between two evaluations
(variance width^2 / 12: Sheppard, 1898), for runs found at the same evaluation show none. docs/statistics.md has the
figures, tests/results/test_resolution.py shows them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from results.statistics import Summary
from results.statistics.intervals import (
    LEVEL,
    Interval,
    Spread,
    difference,
    log_ratio_interval,
    mean,
    ratio_interval,
    spread,
    t_interval,
)


def rounding_variance(widths: Sequence[float | None]) -> float:
    """Returns the variance of a value that lies anywhere between two evaluations, averaged over the runs.

    widths: distance of the two evaluations of each run.
    """
    distances = [width or 0.0 for width in widths]
    return math.fsum(width**2 for width in distances) / 12 / len(distances) if distances else 0.0


@dataclass(frozen=True, slots=True)
class Bracketed:
    """One value per run, between `earliest` and `latest`. least: lower limit of the values' variance."""

    earliest: tuple[float, ...]
    latest: tuple[float, ...]
    least: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float], widths: Sequence[float | None] = ()) -> Bracketed:
        """Makes brackets. widths: by how much each value may be too high; () if all are exact.

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
        """Distance between the earliest and latest value of each run."""
        return tuple(late - early for early, late in zip(self.earliest, self.latest, strict=True))

    @property
    def spreads(self) -> tuple[Spread, Spread] | None:
        """Spreads of the earliest and of the latest values; None for fewer than two runs."""
        low, high = spread(self.earliest, self.least), spread(self.latest, self.least)
        return None if low is None or high is None else (low, high)

    def minus(self, other: Bracketed) -> Bracketed:
        """Subtracts the other's value of the same run from each value."""
        low = (a - b for a, b in zip(self.earliest, other.latest, strict=True))
        high = (a - b for a, b in zip(self.latest, other.earliest, strict=True))
        return Bracketed(tuple(low), tuple(high), self.least + other.least)

    def interval(self, level: float = LEVEL) -> Interval | None:
        """Returns the interval of the mean; None for fewer than two runs."""
        spreads = self.spreads
        return None if spreads is None else spread_hull(spreads, level)


def difference_interval(a: Bracketed, b: Bracketed, level: float = LEVEL) -> Interval | None:
    """Returns the interval of the difference of two independent means (Welch); None if one has fewer than two runs."""
    spreads_a, spreads_b = a.spreads, b.spreads
    return None if spreads_a is None or spreads_b is None else difference_hull(spreads_a, spreads_b, level)


def bracketed_ratio(a: Bracketed, b: Bracketed, level: float = LEVEL, seed: int = 0) -> Interval | None:
    """Returns the interval of the ratio of two independent means; from 0, or to infinity, if one of them may be 0.

    None if one has fewer than two runs. Raises ValueError if a latest value is not positive and finite.
    """
    if a.exact and b.exact:
        return ratio_interval(a.latest, b.latest, level, seed)
    spreads_a, spreads_b = a.spreads, b.spreads
    return None if spreads_a is None or spreads_b is None else ratio_hull(spreads_a, spreads_b, level)


def of_summary(summary: Summary) -> tuple[Spread, Spread] | None:
    """Returns the spreads of a summary's earliest and latest values; None without a spread."""
    if summary.mean is None or summary.std is None or summary.n < 2:
        return None
    variance = max(summary.std**2, rounding_variance([summary.resolution])) / summary.n
    latest = Spread(summary.mean, variance, summary.n - 1.0)
    return latest._replace(mean=summary.mean - (summary.resolution or 0.0)), latest


def summary_interval(summary: Summary, level: float = LEVEL) -> Interval | None:
    """Returns the interval of a summary's mean; None without a spread."""
    spreads = of_summary(summary)
    return None if spreads is None else spread_hull(spreads, level)


def difference_hull(a: tuple[Spread, Spread], b: tuple[Spread, Spread], level: float = LEVEL) -> Interval:
    """Returns the interval of the difference of two means, each given by its earliest and latest spread."""
    return spread_hull((difference(a[0], b[1]), difference(a[1], b[0])), level)


def summary_difference(a: Summary, b: Summary) -> Interval | None:
    """Returns the interval of the difference of two summaries' means (Welch); None without a spread."""
    spreads_a, spreads_b = of_summary(a), of_summary(b)
    return None if spreads_a is None or spreads_b is None else difference_hull(spreads_a, spreads_b)


def ratio_hull(a: tuple[Spread, Spread], b: tuple[Spread, Spread], level: float) -> Interval:
    """Returns the interval of the ratio of two means, each given by its earliest and latest spread."""
    low = log_ratio_interval(a[0], b[1], level).low if a[0].mean > 0 else 0.0
    high = log_ratio_interval(a[1], b[0], level).high if b[0].mean > 0 else math.inf
    return Interval(low, high, level)


def nearest(a: Bracketed, b: Bracketed) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns both groups with values as close to the other group's as the evaluations allow.

    A test of these is of the smallest difference that the evaluations allow: none if the means may be equal, in which
    case all values returned are equal.
    """
    if a.exact and b.exact:
        return a.latest, b.latest
    if mean(a.earliest) > mean(b.latest):
        return a.earliest, b.latest
    if mean(a.latest) < mean(b.earliest):
        return a.latest, b.earliest
    level = (mean(a.latest) + mean(b.latest)) / 2
    return (level,) * len(a.latest), (level,) * len(b.latest)


def spread_hull(spreads: tuple[Spread, Spread], level: float) -> Interval:
    """Returns the t interval of the earliest and latest spread together."""
    return hull(*(t_interval(spread, level) for spread in spreads))


def hull(a: Interval, b: Interval) -> Interval:
    """Returns the smallest interval that contains both."""
    return Interval(min(a.low, b.low), max(a.high, b.high), a.level)
