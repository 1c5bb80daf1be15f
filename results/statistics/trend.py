"""Fits a line to a difference over log10(budget), and derives a direction and a forecast.

The line is fitted to the seeds' differences by least squares. Slope, value at a budget and bend are weighted sums of
the budgets' means, whose squared standard errors add up: budgets need neither equal spreads nor equally many seeds.
docs/statistics.md has the figures, tests/results/test_trend.py shows them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from results.statistics.intervals import LEVEL, Interval, Spread, cautious_freedom, spread, t_interval

Direction = Literal["grows", "shrinks", "turns", "stays", "open"]
HALF = 0.5
"""Share of the first budget's difference by which a difference that "stays" may have changed on the last budget."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Differences of two rows at one budget, one per seed. budget: in any unit, above 0."""

    budget: float
    differences: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """Trend of a difference over budgets. slope: per tenfold budget, with its interval.

    line: (budget, value) of the fitted line at the smallest and at the largest budget. bends: whether a budget between
    them is shown to lie off the line, or the line misses the interval of any budget; then nothing should be forecast.
    """

    direction: Direction
    slope: float
    interval: Interval
    line: tuple[tuple[float, float], tuple[float, float]]
    bends: bool


def trend(rungs: Sequence[Rung], margin: float, level: float = LEVEL) -> Trend | None:
    """Returns the trend over the budgets with two seeds or more; None for fewer than two such budgets.

    The difference "grows" or "shrinks", in size, if the slope's interval leaves out 0; it "turns" if, moreover, the
    differences on the first and on the last budget are shown to have opposite signs. It "stays" if the line's change
    between them is shown to be less than the margin, or than half of its value on the first. Otherwise it is "open".

    margin: in the unit of the differences, at least 0. Raises ValueError if a difference is not finite.
    """
    usable = _known(rungs)
    if len(usable) < 2:
        return None
    first, last = usable[0].budget, usable[-1].budget
    slope = _interval(usable, _slope(usable), level)
    starts, ends = (_sum(usable, _at(usable, budget)).mean for budget in (first, last))
    off_lines = (_interval(usable, _off_line(usable, index), level) for index in range(1, len(usable) - 1))
    return Trend(
        direction=_direction(usable, margin, level, grows=abs(ends) > abs(starts)),
        slope=_sum(usable, _slope(usable)).mean,
        interval=slope,
        line=((first, starts), (last, ends)),
        bends=any(off.low != off.high and off.leaves_out(0) for off in off_lines)
        or any(_is_missed(usable, rung, level) for rung in usable),
    )


def _is_missed(rungs: Sequence[Rung], rung: Rung, level: float) -> bool:
    """Whether the line lies outside a budget's own interval, as where a difference has levelled off."""
    own, on_line = t_interval(_spread(rung), level), _sum(rungs, _at(rungs, rung.budget)).mean
    return own.low != own.high and own.leaves_out(on_line)


def forecast(rungs: Sequence[Rung], budget: float, level: float = LEVEL) -> tuple[float, Interval] | None:
    """Returns the line's value at a budget, with the interval in which a single seed's difference is expected there.

    The spread there is assumed to be that on the last budget. Nothing in the runs shows that the line continues. None
    with fewer than three budgets, since two always lie on a line, and where the line passes 0 beyond the last budget:
    a difference that goes to nothing need not go on into its opposite.
    """
    usable = _known(rungs)
    if len(usable) < 3:
        return None
    weights = _at(usable, budget)
    shares = [weight**2 / len(rung.differences) for weight, rung in zip(weights, usable, strict=True)]
    shares[-1] += 1.0
    expected = _sum(usable, weights, shares)
    if expected.mean * _sum(usable, _at(usable, usable[-1].budget)).mean < 0:
        return None
    return expected.mean, t_interval(expected, level)


def _direction(rungs: Sequence[Rung], margin: float, level: float, *, grows: bool) -> Direction:
    slope = _slope(rungs)
    if _interval(rungs, slope, level).leaves_out(0):
        first, last = (t_interval(_spread(rung), level) for rung in (rungs[0], rungs[-1]))
        if first.leaves_out(0) and last.leaves_out(0) and (first.low > 0) != (last.low > 0):
            return "turns"
        return "grows" if grows else "shrinks"
    span = math.log10(rungs[-1].budget / rungs[0].budget)
    change = _interval(rungs, [weight * span for weight in slope], level)
    if -margin < change.low and change.high < margin:
        return "stays"
    begins = _at(rungs, rungs[0].budget)
    more, less = (
        _interval(rungs, [span * w + sign * HALF * at for w, at in zip(slope, begins, strict=True)], level)
        for sign in (1, -1)
    )
    return "stays" if more.low > 0 > less.high or more.high < 0 < less.low else "open"


def _known(rungs: Sequence[Rung]) -> list[Rung]:
    """Rungs that have a spread, from the smallest budget."""
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
    """Weights of the rungs' means in one rung's distance from the line."""
    return [float(number == index) - weight for number, weight in enumerate(_at(rungs, rungs[index].budget))]


def _interval(rungs: Sequence[Rung], weights: Sequence[float], level: float) -> Interval:
    return t_interval(_sum(rungs, weights), level)


def _sum(rungs: Sequence[Rung], weights: Sequence[float], shares: Sequence[float] = ()) -> Spread:
    """Returns a weighted sum of the rungs' means.

    shares: of each rung's one-seed variance in the sum's variance; by default they follow from the weights.
    """
    spreads = [_spread(rung) for rung in rungs]
    parts = [weight**2 * each.variance for weight, each in zip(weights, spreads, strict=True)]
    if shares:
        triples = zip(shares, rungs, spreads, strict=True)
        parts = [share * len(rung.differences) * each.variance for share, rung, each in triples]
    freedom = cautious_freedom(parts, min(each.freedom for each in spreads))
    total = math.fsum(weight * each.mean for weight, each in zip(weights, spreads, strict=True))
    return Spread(total, math.fsum(parts), freedom)


def _spread(rung: Rung) -> Spread:
    sample = spread(rung.differences)
    assert sample is not None
    return sample
