"""Quantities with their uncertainty, and when a comparison of them counts as decided.

The rule, the same for every claim. A comparison of means over n >= 2 seeds holds or fails only if it does so throughout
its 95 % interval: Student's t, seed by seed over the seeds that all its means have, where two or more have
(`independent`: runs of one seed share the order of their data and, on one network, the first weights, so that their
means are not independent); else with Welch's degrees of freedom, taken cautiously (`cautious_freedom`). A quotient's
is the interval of its logarithm. Of a comparison of equals at most 5 % are decided then
(docs/statistics.md). Where one of several comparisons decides a claim by itself (one that fails, of all that must hold;
one that holds, of "up to"), these 5 % are shared among them (`alone_level`), so that no claim is decided wrongly more
often for being of many. Epochs and times that were found at evaluations lie between two of them: so does all that is
computed of them (`Quantity.earliest`, by the rule of `results.statistics.resolution`). A mean that
not all runs have is known by a lower bound, with a sampling error of its own (`bound_variance`). A single run, or two
that are equal, show no spread and decide nothing, except for seconds of the simulated clock, which no seed changes. A
paper's mean without a spread is taken as it stands.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.papers.claims.terms import Term, independent, moments, weighed
from results.statistics import Summary
from results.statistics.intervals import LEVEL, Interval, Spread, cautious_freedom, log_interval, t_interval
from results.statistics.resolution import hull, rounding_variance

Status = Literal["holds", "does not hold", "not decided"]


def alone_level(comparisons: int) -> float:
    """The level of one of so many comparisons with a spread, any of which decides the claim by itself (Bonferroni).

    A comparison at LEVEL is called wrongly true in half of 1 - LEVEL of the cases, and wrongly false in as many. So two
    may each be held to LEVEL.
    """
    return max(LEVEL, 1 - 2 * (1 - LEVEL) / max(comparisons, 1))


@dataclass(frozen=True)
class Quantity:
    """A value with its uncertainty, by default none.

    parts: the means with a spread that it is computed of. n: the fewest runs it rests on. open_below, open_above: it
    may lie anywhere under, or over, that. quotient: its interval is that of its logarithm. fitted: it rests on seconds
    that the hardware card was fitted to. elsewhere: of the simulated clock alone, the values that it would have had on
    the cards that other published seconds would have led to. diverged: the runs that fell apart, in words. runs: a
    row's, by identity. ends: the same of the earliest and of the latest values that its evaluations leave open, where
    they leave any.
    """

    value: float
    parts: tuple[Term, ...] = ()
    n: int | None = None
    open_below: bool = False
    open_above: bool = False
    quotient: bool = False
    fitted: bool = False
    elsewhere: tuple[float, ...] = ()
    diverged: str = ""
    runs: Set[str] = frozenset()
    ends: tuple[Quantity, Quantity] | None = None

    @classmethod
    def of(cls, summary: Summary, *, exact: bool, by_seed: Mapping[int, float] | None = None) -> Quantity | None:
        """Makes a quantity; None if nothing was measured. A censored mean is a lower bound. by_seed: its values."""
        quantity = cls._of(summary, by_seed or {}, exact=exact)
        if quantity is None or not (width := summary.resolution):
            return quantity
        mean, bound = (None if of is None else of - width for of in (summary.mean, summary.at_least))
        before = {seed: value - width for seed, value in (by_seed or {}).items()}
        earliest = cls._of(replace(summary, mean=mean, at_least=bound), before, exact=exact)
        return replace(quantity, ends=(earliest, quantity)) if earliest is not None else None

    @classmethod
    def _of(cls, summary: Summary, by_seed: Mapping[int, float], *, exact: bool) -> Quantity | None:
        bounded = summary.mean is None
        value, std = (summary.at_least, summary.at_least_std) if bounded else (summary.mean, summary.std)
        if value is None or not math.isfinite(value):
            return None
        least = rounding_variance([summary.resolution])
        quantity = of_mean(value, std if std is not None or not bounded else 0.0, summary.n, exact=exact, least=least)
        if not bounded or quantity.open_above:
            return quantity.with_seeds(by_seed)
        return replace(quantity, parts=tuple(part._replace(bounded=True) for part in quantity.parts), open_above=True)

    def shares_runs_with(self, other: Quantity) -> bool:
        """Whether both are values of the very same runs."""
        return bool(self.runs) and self.runs == other.runs

    def certain(self) -> Quantity:
        """A copy without uncertainty."""
        return replace(self, parts=(), open_below=False, open_above=False, ends=None)

    @property
    def earliest(self) -> Quantity:
        """The quantity at the lowest values that the evaluations leave open."""
        return self if self.ends is None else self.ends[0]

    @property
    def latest(self) -> Quantity:
        """The quantity at the highest values that the evaluations leave open."""
        return self if self.ends is None else self.ends[1]

    def _at_ends(self, made: Callable[[Quantity], Quantity]) -> Quantity:
        """Apply a function to the quantity and to both of its ends."""
        ends = None if self.ends is None else (made(self.ends[0]), made(self.ends[1]))
        return replace(made(replace(self, ends=None)), ends=ends)

    @property
    def seeds(self) -> frozenset[int]:
        """Seeds of a mean that is known seed by seed; else empty."""
        return frozenset(self.parts[0].seeds) if len(self.parts) == 1 else frozenset()

    def with_seeds(self, by_seed: Mapping[int, float]) -> Quantity:
        """A copy that knows its value for each seed; a quantity without a spread is returned unchanged."""
        values = tuple(sorted(by_seed.items()))
        return replace(self, parts=tuple(part._replace(by_seed=values) for part in self.parts))

    def of_seeds(self, seeds: Set[int]) -> Quantity:
        """The mean over some of its seeds, where it is known seed by seed."""
        if seeds == self.seeds:
            return self
        return self._at_ends(lambda of: of._of_seeds(seeds))

    def _of_seeds(self, seeds: Set[int]) -> Quantity:
        kept = {seed: value for seed, value in self.parts[0].by_seed if seed in seeds}
        mean, std = moments(list(kept.values()))
        mean_of_kept = of_mean(mean, std, len(kept), exact=False, least=self.parts[0].least).with_seeds(kept)
        return replace(
            self,
            value=mean,
            parts=mean_of_kept.parts,
            n=mean_of_kept.n,
            open_below=self.open_below or mean_of_kept.open_below,
            open_above=self.open_above or mean_of_kept.open_above,
        )

    def minus(self, other: Quantity) -> Quantity:
        difference = self._less(other)
        if self.ends is None and other.ends is None:
            return difference
        return replace(difference, ends=(self.earliest._less(other.latest), self.latest._less(other.earliest)))

    def over(self, other: Quantity) -> Quantity | None:
        """The quotient of two positive quantities; None for others."""
        quotient = self._over(other)
        if quotient is None or (self.ends is None and other.ends is None):
            return quotient
        low, high = self.earliest._over(other.latest), self.latest._over(other.earliest)
        below, above = quotient.open_below or low is None, quotient.open_above or high is None
        quotient = replace(quotient, open_below=below, open_above=above)
        return replace(quotient, ends=(low or quotient, high or quotient))

    def _less(self, other: Quantity) -> Quantity:
        parts = (*self.parts, *weighed(other.parts, -1.0))
        return self._with(other, self.value - other.value, parts, operator.sub)

    def _over(self, other: Quantity) -> Quantity | None:
        if self.value <= 0 or other.value <= 0:
            return None
        value = self.value / other.value
        parts = (*weighed(self.parts, value / self.value), *weighed(other.parts, -value / other.value))
        return replace(self._with(other, value, parts, operator.truediv), quotient=True)

    def times(self, factor: float) -> Quantity:
        """A positive multiple."""
        elsewhere = tuple(factor * value for value in self.elsewhere)
        made = self._at_ends(lambda of: replace(of, value=factor * of.value, parts=weighed(of.parts, factor)))
        return replace(made, elsewhere=elsewhere)

    def with_runs(self, n: int) -> Quantity:
        """A copy as if every mean in it had n runs, with the same means and spreads."""

        def many(of: Quantity) -> Quantity:
            return replace(of, parts=tuple(part._replace(n=n, by_seed=()) for part in independent(of.parts)), n=n)

        return self._at_ends(many)

    def _with(
        self, other: Quantity, value: float, parts: tuple[Term, ...], how: Callable[[float, float], float]
    ) -> Quantity:
        counts = [n for n in (self.n, other.n) if n is not None]
        return Quantity(
            value,
            parts,
            min(counts) if counts else None,
            open_below=self.open_below or other.open_above,
            open_above=self.open_above or other.open_below,
            fitted=self.fitted or other.fitted,
            elsewhere=tuple(map(how, self.elsewhere, other.elsewhere)),
            diverged="; ".join(dict.fromkeys(filter(None, (self.diverged, other.diverged)))),
        )

    def interval(self, level: float = LEVEL) -> Interval:
        """Interval of the value at a level, without open ends: from the earliest values' to the latest ones'."""
        return hull(self.earliest._interval(level), self.latest._interval(level))

    def bounds(self, level: float = LEVEL) -> tuple[float, float]:
        """Ends of its interval at a level, infinite where it is open."""
        known = self.interval(level)
        return (-math.inf if self.open_below else known.low, math.inf if self.open_above else known.high)

    def _interval(self, level: float) -> Interval:
        parts = independent(self.parts)
        variances = [part.variance for part in parts]
        least = min((part.n - 1.0 for part in parts), default=math.inf)
        spread = Spread(self.value, math.fsum(variances), cautious_freedom(variances, least))
        return log_interval(spread, level) if self.quotient else t_interval(spread, level)

    def within(self, low: float, high: float, level: float = LEVEL) -> Status:
        """Whether it lies strictly between the bounds; never decided where a run diverged."""
        if self.diverged:
            return "not decided"
        least, most = self.bounds(level)
        if (low == -math.inf or least > low) and (high == math.inf or most < high):
            return "holds"
        return "does not hold" if most <= low or least >= high else "not decided"

    def cannot_move(self, low: float, high: float) -> bool:
        """Whether it would lie within the bounds, or without them, on every card that might have been fitted."""
        return len({low < value < high for value in self.elsewhere}) == 1


def of_mean(value: float, std: float | None, n: int, *, exact: bool, least: float = 0.0) -> Quantity:
    """exact: no seed changes it. Else one run shows no spread, nor do two that are equal by chance.

    least: the variance that a run's value has at least.
    """
    if exact and not std:
        return Quantity(value, n=n)
    if std is None or n < 2 or (n == 2 and std == 0 and not least):
        return Quantity(value, n=n, open_below=True, open_above=True)
    return Quantity(value, (Term(value, std, n, least=least),), n)


def on_common_seeds(*means: Quantity) -> tuple[Quantity, ...]:
    """The means of the seeds that all have, where two or more have; else as they are, and independent."""
    seeds = frozenset.intersection(*(mean.seeds for mean in means))
    return tuple(mean.of_seeds(seeds) for mean in means) if len(seeds) > 1 else means


@dataclass(frozen=True)
class Outcome:
    """One condition of a claim as it turned out. Of a group, only the point that stands worst is shown.

    text: what was compared, with its numbers; of a missing point, what was not measured. fitted: it compares seconds
    that the hardware card was fitted to, or that would compare so whatever it was fitted to (fixed), so that its status
    counts for nothing. why: it is not decided. found: what was
    held against the bounds low and high, in `unit`; None of a law and of what is missing. part: the statement that it
    belongs to, of a claim that joins several.
    """

    group: str
    text: str
    status: Literal["holds", "does not hold", "not decided", "missing"]
    margin: float = 0.0
    n: int | None = None
    fitted: bool = False
    fixed: bool = False
    why: str = ""
    found: Quantity | None = None
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    part: int = 0

    @classmethod
    def of(
        cls,
        group: str,
        text: str,
        found: Quantity,
        low: float,
        high: float,
        margin: float | None = None,
        unit: str = "points",
    ) -> Outcome:
        """Whether what was found lies between low and high. margin: by default the distance to the nearer bound."""
        near = min(found.value - low, high - found.value) if margin is None else margin
        fixed = not found.fitted and found.cannot_move(low, high)
        word = "fitted" if found.fitted else "so on every card" if fixed else ""
        reasons = "".join(f"; {words}" for words in (found.diverged, word) if words)
        status = found.within(low, high)
        why, unit = _undecided(found, status), "×" if found.quotient else unit
        empty = found.fitted or fixed
        return cls(group, f"{text}{reasons}", status, near, found.n, empty, fixed, why, found, low, high, unit)

    @classmethod
    def of_quotient(
        cls, group: str, words: str, over: Quantity | None, under: Quantity | None, low: float, high: float
    ) -> Outcome:
        """Whether one quantity over another lies between low and high. words: with a place for each of the two."""
        quotient = over.over(under) if over is not None and under is not None else None
        if over is None or under is None or quotient is None:
            return cls(group, group, "missing")
        return cls.of(group, f"{words.format(over.value, under.value)} (n = {quotient.n})", quotient, low, high)

    def at(self, level: float) -> Outcome:
        """A copy judged at another level: not decided where the comparison is open at it."""
        if self.found is None or self.found.within(self.low, self.high, level) == self.status:
            return self
        why = f"one of several comparisons, it is open at {100 * level:.3g} %"
        return replace(self, status="not decided", why=why)


def _undecided(quantity: Quantity, status: str) -> str:
    if status != "not decided":
        return ""
    if quantity.diverged:
        return quantity.diverged
    return "a single seed shows no spread" if quantity.n == 1 else "the rest is open at 95 %"
