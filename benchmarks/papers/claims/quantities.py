"""Quantities with their uncertainty, and when a comparison of them counts as decided.

The rule, the same for every claim. A comparison of means over n >= 2 seeds holds or fails only if it does so throughout
its 95 % interval: Student's t, seed by seed over the seeds that all its means have, where two or more have
(`independent`: runs of one seed share the order of their data and, on one network, the first weights, so that their
means are not independent); else with Welch's degrees of freedom, taken cautiously (`cautious_freedom`). A quotient's
is the interval of its logarithm. Of a comparison of equals at most 5 % are decided then
(docs/statistics.md). Where one of several comparisons decides a claim by itself (one that fails, of all that must hold;
one that holds, of "up to"), these 5 % are shared among them (`alone_level`), so that no claim is decided wrongly more
often for being of many. A mean that
not all runs have is known by a lower bound, with a sampling error of its own (`bound_variance`). A single run, or two
that are equal, show no spread and decide nothing, except for seconds of the simulated clock, which no seed changes. A
paper's mean without a spread is taken as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from results.statistics import Summary
from results.statistics.intervals import (
    Interval,
    Spread,
    bound_variance,
    cautious_freedom,
    log_interval,
    spread,
    t_interval,
)

LEVEL = 0.95
_ROUNDING = 1e-9

Status = Literal["holds", "does not hold", "not decided"]


def alone_level(comparisons: int) -> float:
    """The level of one of so many comparisons with a spread, any of which decides the claim by itself (Bonferroni).

    A comparison at LEVEL is called wrongly true in half of 1 - LEVEL of the cases, and wrongly false in as many. So two
    may each be held to LEVEL.
    """
    return max(LEVEL, 1 - 2 * (1 - LEVEL) / max(comparisons, 1))


class Term(NamedTuple):
    """A mean of n runs that a quantity is computed of, which moves by `weight` when the mean moves by 1.

    bounded: the mean is known by a lower bound. by_seed: the seeds in order, each with its run's value; of a paper's
    mean, a bound or an analysis's there are none.
    """

    mean: float
    std: float
    n: int
    bounded: bool = False
    weight: float = 1.0
    by_seed: tuple[tuple[int, float], ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(seed for seed, _ in self.by_seed)

    @property
    def variance(self) -> float:
        """Its squared standard error, in the quantity's unit squared."""
        own = self.std**2 / self.n
        return self.weight**2 * (bound_variance(self.mean, own, self.n, LEVEL) if self.bounded else own)


@dataclass(frozen=True)
class Quantity:
    """A value with its uncertainty, by default none.

    parts: the means with a spread that it is computed of. n: the fewest runs it rests on. open_below, open_above: it
    may lie anywhere under, or over, that. quotient: its interval is that of its logarithm. fitted: it rests on seconds
    that the hardware card was fitted to. diverged: the runs that fell apart, in words. runs: a row's, by identity.
    """

    value: float
    parts: tuple[Term, ...] = ()
    n: int | None = None
    open_below: bool = False
    open_above: bool = False
    quotient: bool = False
    fitted: bool = False
    diverged: str = ""
    runs: Set[str] = frozenset()

    @classmethod
    def of(cls, summary: Summary, *, exact: bool, by_seed: Mapping[int, float] | None = None) -> Quantity | None:
        """None if nothing was measured. A censored mean is a lower bound. by_seed: what it is the mean of, if known."""
        bounded = summary.mean is None
        value, std = (summary.at_least, summary.at_least_std) if bounded else (summary.mean, summary.std)
        if value is None or not math.isfinite(value):
            return None
        known = of_mean(value, std if std is not None or not bounded else 0.0, summary.n, exact=exact)
        if not bounded or known.open_above:
            return known.with_seeds(by_seed or {})
        return replace(known, parts=tuple(part._replace(bounded=True) for part in known.parts), open_above=True)

    def shares_runs_with(self, other: Quantity) -> bool:
        """Whether both are values of the very same runs."""
        return bool(self.runs) and self.runs == other.runs

    def certain(self) -> Quantity:
        """The same without an uncertainty."""
        return replace(self, parts=(), open_below=False, open_above=False)

    @property
    def seeds(self) -> frozenset[int]:
        """Of a mean that is known seed by seed; of all else none."""
        return frozenset(self.parts[0].seeds) if len(self.parts) == 1 else frozenset()

    def with_seeds(self, by_seed: Mapping[int, float]) -> Quantity:
        """The same mean, known by the values it is of; without a spread it stays what it is."""
        known = tuple(sorted(by_seed.items()))
        return replace(self, parts=tuple(part._replace(by_seed=known) for part in self.parts))

    def of_seeds(self, seeds: Set[int]) -> Quantity:
        """Of a mean that is known seed by seed, that of some of them."""
        if seeds == self.seeds:
            return self
        kept = {seed: value for seed, value in self.parts[0].by_seed if seed in seeds}
        mean, std = _moments(list(kept.values()))
        found = of_mean(mean, std, len(kept), exact=False).with_seeds(kept)
        return replace(
            self,
            value=mean,
            parts=found.parts,
            n=found.n,
            open_below=self.open_below or found.open_below,
            open_above=self.open_above or found.open_above,
        )

    def minus(self, other: Quantity) -> Quantity:
        return self._with(other, self.value - other.value, (*self.parts, *_weighed(other.parts, -1.0)))

    def over(self, other: Quantity) -> Quantity | None:
        """The quotient of two positive quantities; None for others."""
        if self.value <= 0 or other.value <= 0:
            return None
        value = self.value / other.value
        parts = (*_weighed(self.parts, value / self.value), *_weighed(other.parts, -value / other.value))
        return replace(self._with(other, value, parts), quotient=True)

    def times(self, factor: float) -> Quantity:
        """A positive multiple."""
        return replace(self, value=factor * self.value, parts=_weighed(self.parts, factor))

    def with_runs(self, n: int) -> Quantity:
        """What it would be, had every mean of it n runs, with the same means and spreads."""
        return replace(self, parts=tuple(part._replace(n=n, by_seed=()) for part in independent(self.parts)), n=n)

    def _with(self, other: Quantity, value: float, parts: tuple[Term, ...]) -> Quantity:
        known = [n for n in (self.n, other.n) if n is not None]
        return Quantity(
            value,
            parts,
            min(known) if known else None,
            open_below=self.open_below or other.open_above,
            open_above=self.open_above or other.open_below,
            fitted=self.fitted or other.fitted,
            diverged="; ".join(dict.fromkeys(filter(None, (self.diverged, other.diverged)))),
        )

    @property
    def interval(self) -> Interval:
        """Where it lies at LEVEL, but for what is open."""
        return self.interval_at(LEVEL)

    def interval_at(self, level: float) -> Interval:
        """Where it lies at a level, but for what is open."""
        parts = independent(self.parts)
        variances = [part.variance for part in parts]
        least = min((part.n - 1.0 for part in parts), default=math.inf)
        found = Spread(self.value, math.fsum(variances), cautious_freedom(variances, least))
        return log_interval(found, level) if self.quotient else t_interval(found, level)

    def within(self, low: float, high: float, level: float = LEVEL) -> Status:
        """Whether it lies strictly between the bounds; never decided where a run diverged."""
        if self.diverged:
            return "not decided"
        known = self.interval_at(level)
        least = -math.inf if self.open_below else known.low
        most = math.inf if self.open_above else known.high
        if (low == -math.inf or least > low) and (high == math.inf or most < high):
            return "holds"
        return "does not hold" if most <= low or least >= high else "not decided"


def of_mean(value: float, std: float | None, n: int, *, exact: bool) -> Quantity:
    """exact: no seed changes it. Else one run shows no spread, nor do two that are equal by chance."""
    if exact and not std:
        return Quantity(value, n=n)
    if std is None or n < 2 or (n == 2 and std == 0):
        return Quantity(value, n=n, open_below=True, open_above=True)
    return Quantity(value, (Term(value, std, n),), n)


def on_common_seeds(*means: Quantity) -> tuple[Quantity, ...]:
    """The means of the seeds that all have, where two or more have; else as they are, and independent."""
    seeds = frozenset.intersection(*(mean.seeds for mean in means))
    return tuple(mean.of_seeds(seeds) for mean in means) if len(seeds) > 1 else means


def independent(parts: Sequence[Term]) -> tuple[Term, ...]:
    """The terms with means of the same seeds made one, seed by seed, so that their errors are independent.

    Two seeds that differ alike show no spread: then each mean counts by itself.
    """
    groups: dict[tuple[int, ...], list[Term]] = {}
    for part in parts:
        groups.setdefault(part.seeds, []).append(part)
    alone = groups.pop((), [])
    return (*alone, *(part for group in groups.values() for part in _seed_by_seed(group)))


def _seed_by_seed(terms: Sequence[Term]) -> Sequence[Term]:
    if len(terms) == 1:
        return terms
    runs = zip(*([term.weight * value for _, value in term.by_seed] for term in terms), strict=True)
    mean, std = _moments([math.fsum(of_seed) for of_seed in runs], max(abs(term.mean * term.weight) for term in terms))
    n = terms[0].n
    return terms if n == 2 and std == 0 else [Term(mean, std, n)]


def _moments(values: Sequence[float], size: float = 0.0) -> tuple[float, float]:
    """Mean and sample standard deviation; no spread where it is a rounding error of numbers of a size."""
    found = spread(values)
    assert found is not None
    error = max(values) - min(values) <= _ROUNDING * size
    return found.mean, 0.0 if error else math.sqrt(found.variance * len(values))


def _weighed(parts: Iterable[Term], factor: float) -> tuple[Term, ...]:
    return tuple(part._replace(weight=factor * part.weight) for part in parts)


@dataclass(frozen=True)
class Outcome:
    """One condition of a claim as it turned out. Of a group, only the point that stands worst is shown.

    text: what was compared, with its numbers; of a missing point, what was not measured. fitted: it compares seconds
    that the hardware card was fitted to, so that its status counts for nothing. why: it is not decided. found: what was
    held against the bounds low and high, in `unit`; None of a law and of what is missing. part: the statement that it
    belongs to, of a claim that joins several.
    """

    group: str
    text: str
    status: Literal["holds", "does not hold", "not decided", "missing"]
    margin: float = 0.0
    n: int | None = None
    fitted: bool = False
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
        said = "".join(f"; {word}" for word in (found.diverged, "fitted" if found.fitted else "") if word)
        status = found.within(low, high)
        why, unit = _undecided(found, status), "×" if found.quotient else unit
        return cls(group, f"{text}{said}", status, near, found.n, found.fitted, why, found, low, high, unit)

    def at(self, level: float) -> Outcome:
        """The same, not decided where it is open at another level."""
        if self.found is None or self.found.within(self.low, self.high, level) == self.status:
            return self
        why = f"one of several comparisons, it is open at {100 * level:.3g} %"
        return replace(self, status="not decided", why=why)


def _undecided(found: Quantity, status: str) -> str:
    if status != "not decided":
        return ""
    if found.diverged:
        return found.diverged
    return "a single seed shows no spread" if found.n == 1 else "the rest is open at 95 %"
