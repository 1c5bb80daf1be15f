"""The trend of a difference over budgets: a line through it over log10(budget), a verdict, and a forecast.

The line is fitted to the differences of the seeds by least squares. All that is said of it (slope, value at a budget,
bend) is a weighted sum of the budgets' means, whose squared standard error is the sum of theirs: budgets need not have
equal spreads, or equally many seeds. docs/statistics.md has the figures, tests/results/test_trend.py shows them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from results.statistics.intervals import LEVEL, Interval, Spread, cautious_freedom, spread, t_interval

Direction = Literal["grows", "shrinks", "turns", "stays", "open"]
HALF = 0.5
"""Share of the first budget's difference by which one that stays may have changed on the last budget."""


@dataclass(frozen=True, slots=True)
class Rung:
    """The differences of two rows at one budget, one a seed; the budget in any unit, above 0."""

    budget: float
    differences: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of a difference over budgets. slope: per tenfold budget, with its interval.

    line: (budget, value) of the fitted line at both ends of what was measured. bends: whether a budget between them is
    shown to lie off it, so that nothing is forecast.
    """

    direction: Direction
    slope: float
    interval: Interval
    line: tuple[tuple[float, float], tuple[float, float]]
    bends: bool


def trend(rungs: Sequence[Rung], margin: float, level: float = LEVEL) -> Trend | None:
    """Trend over the budgets with two seeds or more; None for fewer than two of them.

    It "grows" or "shrinks", in size, where the slope's interval leaves out 0; "turns" where, moreover, the differences
    on the first and on the last budget are shown to have unlike signs. It "stays" where the line's change between them
    is shown to be less than the margin, or than half of its value on the first. Else it is "open".

    margin: in the unit of the differences, at least 0. Raises ValueError where a difference is not finite.
    """
    known = _known(rungs)
    if len(known) < 2:
        return None
    first, last = known[0].budget, known[-1].budget
    slope = _interval(known, _slope(known), level)
    starts, ends = (_sum(known, _at(known, budget)).mean for budget in (first, last))
    inner = (_interval(known, _off_line(known, index), level) for index in range(1, len(known) - 1))
    return Trend(
        direction=_direction(known, margin, level, grows=abs(ends) > abs(starts)),
        slope=_sum(known, _slope(known)).mean,
        interval=slope,
        line=((first, starts), (last, ends)),
        bends=any(off.low != off.high and off.leaves_out(0) for off in inner),
    )


def forecast(rungs: Sequence[Rung], budget: float, level: float = LEVEL) -> tuple[float, Interval] | None:
    """The line's value at a budget, with the interval in which one seed's difference is expected there.

    Its spread there is taken to be that on the last budget. None with fewer than three budgets: two always have a line,
    and cannot show that there is none. Nothing in the runs says that the line goes on.
    """
    known = _known(rungs)
    if len(known) < 3:
        return None
    weights = _at(known, budget)
    shares = [weight**2 / len(rung.differences) for weight, rung in zip(weights, known, strict=True)]
    shares[-1] += 1.0
    expected = _sum(known, weights, shares)
    return expected.mean, t_interval(expected, level)


def _direction(known: Sequence[Rung], margin: float, level: float, *, grows: bool) -> Direction:
    slope = _slope(known)
    if _interval(known, slope, level).leaves_out(0):
        first, last = (t_interval(_spread(rung), level) for rung in (known[0], known[-1]))
        if first.leaves_out(0) and last.leaves_out(0) and (first.low > 0) != (last.low > 0):
            return "turns"
        return "grows" if grows else "shrinks"
    span = math.log10(known[-1].budget / known[0].budget)
    change = _interval(known, [weight * span for weight in slope], level)
    if -margin < change.low and change.high < margin:
        return "stays"
    begins = _at(known, known[0].budget)
    more, less = (
        _interval(known, [span * w + sign * HALF * at for w, at in zip(slope, begins, strict=True)], level)
        for sign in (1, -1)
    )
    return "stays" if more.low > 0 > less.high or more.high < 0 < less.low else "open"


def _known(rungs: Sequence[Rung]) -> list[Rung]:
    """The rungs that have a spread, from the smallest budget."""
    return sorted((rung for rung in rungs if len(rung.differences) > 1), key=lambda rung: rung.budget)


def _slope(rungs: Sequence[Rung]) -> list[float]:
    """Weights of the rungs' means in the slope."""
    xs, counts = [math.log10(rung.budget) for rung in rungs], [len(rung.differences) for rung in rungs]
    center = sum(n * x for n, x in zip(counts, xs, strict=True)) / sum(counts)
    squares = sum(n * (x - center) ** 2 for n, x in zip(counts, xs, strict=True))
    return [n * (x - center) / squares for n, x in zip(counts, xs, strict=True)]


def _at(rungs: Sequence[Rung], budget: float) -> list[float]:
    """Weights of the rungs' means in the line's value at a budget."""
    counts = [len(rung.differences) for rung in rungs]
    center = sum(n * math.log10(rung.budget) for n, rung in zip(counts, rungs, strict=True)) / sum(counts)
    away = math.log10(budget) - center
    return [n / sum(counts) + away * weight for n, weight in zip(counts, _slope(rungs), strict=True)]


def _off_line(rungs: Sequence[Rung], index: int) -> list[float]:
    """Weights of the rungs' means in how far one of them lies from the line."""
    return [float(place == index) - weight for place, weight in enumerate(_at(rungs, rungs[index].budget))]


def _interval(rungs: Sequence[Rung], weights: Sequence[float], level: float) -> Interval:
    return t_interval(_sum(rungs, weights), level)


def _sum(rungs: Sequence[Rung], weights: Sequence[float], shares: Sequence[float] = ()) -> Spread:
    """A weighted sum of the rungs' means. shares: of their variances of one seed in its own; else by the weights."""
    spreads = [_spread(rung) for rung in rungs]
    parts = [weight**2 * one.variance for weight, one in zip(weights, spreads, strict=True)]
    if shares:
        pairs = zip(shares, rungs, spreads, strict=True)
        parts = [share * len(rung.differences) * one.variance for share, rung, one in pairs]
    freedom = cautious_freedom(parts, min(one.freedom for one in spreads))
    return Spread(math.fsum(w * one.mean for w, one in zip(weights, spreads, strict=True)), math.fsum(parts), freedom)


def _spread(rung: Rung) -> Spread:
    found = spread(rung.differences)
    assert found is not None
    return found
