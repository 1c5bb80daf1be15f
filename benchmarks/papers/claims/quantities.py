"""Values with an uncertainty, and the rule that decides comparisons of them.

The same rule holds for every claim. A comparison of means over n >= 2 seeds holds, or fails, only if it does so
throughout its 95 % interval. The interval is Student's t: seed by seed if all means share two seeds or more (runs of
one seed share the order of their data and, on one network, the first weights, so their means are not independent); else
with Welch's degrees of freedom, reduced by `cautious_freedom`. A quotient's interval is computed in logarithms. So at
most 5 % of comparisons of equals are decided (docs/statistics.md).

- Several comparisons, any of which decides a claim by itself, share these 5 % (`alone_level`).
- Epochs and times found at evaluations lie between two of them, and so does all that is computed from them (`ends`).
- A mean that some runs only bound from below has a larger sampling error (`bound_variance`).
- One run, or two equal ones, show no spread and decide nothing, except for simulated seconds, which no seed changes.
- A paper's mean without a spread is exact.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from results.statistics import Summary
from results.statistics.intervals import (
    LEVEL,
    Interval,
    Spread,
    bound_variance,
    cautious_freedom,
    log_interval,
    spread,
    t_interval,
)
from results.statistics.resolution import hull, rounding_variance

Status = Literal["holds", "does not hold", "not decided"]
_ROUNDING = 1e-9


def alone_level(comparisons: int) -> float:
    """Returns the level of each of several comparisons, any of which decides the claim by itself (Bonferroni).

    A comparison at LEVEL is wrongly true in half of 1 - LEVEL of the cases, and wrongly false in as many, so two
    comparisons may each keep LEVEL.
    """
    return max(LEVEL, 1 - 2 * (1 - LEVEL) / max(comparisons, 1))


class Term(NamedTuple):
    """A mean of n runs. An estimate computed from it changes by `weight` when the mean changes by 1.

    bounded: the mean is a lower bound. by_seed: (seed, value) in the order of seeds; empty if unknown. least: lower
    limit of the variance of a run's value.
    """

    mean: float
    std: float
    n: int
    bounded: bool = False
    weight: float = 1.0
    by_seed: tuple[tuple[int, float], ...] = ()
    least: float = 0.0

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(seed for seed, _ in self.by_seed)

    @property
    def variance(self) -> float:
        """Squared standard error, in the estimate's unit squared."""
        variance = max(self.std**2, self.least) / self.n
        return self.weight**2 * (bound_variance(self.mean, variance, self.n, LEVEL) if self.bounded else variance)


class Estimate(NamedTuple):
    """A value, and the means with a spread from which it is computed."""

    value: float
    terms: tuple[Term, ...] = ()

    def minus(self, other: Estimate) -> Estimate:
        return Estimate(self.value - other.value, (*self.terms, *_weighed(other.terms, -1.0)))

    def over(self, other: Estimate) -> Estimate:
        ratio = self.value / other.value
        terms = (*_weighed(self.terms, ratio / self.value), *_weighed(other.terms, -ratio / other.value))
        return Estimate(ratio, terms)

    def times(self, factor: float) -> Estimate:
        return Estimate(factor * self.value, _weighed(self.terms, factor))

    def with_runs(self, n: int) -> Estimate:
        """Returns a copy in which every mean has n runs, with the same means and spreads."""
        return self._replace(terms=tuple(term._replace(n=n, by_seed=()) for term in _independent(self.terms)))

    def spread(self) -> Spread:
        terms = _independent(self.terms)
        variances = [term.variance for term in terms]
        least = min((term.n - 1.0 for term in terms), default=math.inf)
        return Spread(self.value, math.fsum(variances), cautious_freedom(variances, least))


def _weighed(terms: Iterable[Term], factor: float) -> tuple[Term, ...]:
    return tuple(term._replace(weight=factor * term.weight) for term in terms)


def _independent(terms: Sequence[Term]) -> Sequence[Term]:
    """Joins means of the same seeds into one, seed by seed, so that the errors of the returned terms are independent.

    Means of two seeds that differ equally show no spread and are not joined.
    """
    groups: dict[tuple[int, ...], list[Term]] = {}
    for term in terms:
        groups.setdefault(term.seeds, []).append(term)
    independent = groups.pop((), [])
    for group in groups.values():
        n, least = group[0].n, math.fsum(term.weight**2 * term.least for term in group)
        by_seed = zip(*([term.weight * value for _, value in term.by_seed] for term in group), strict=True)
        size = max(abs(term.mean * term.weight) for term in group)
        mean, std = _moments([math.fsum(values) for values in by_seed], size)
        no_spread = n == 2 and std == 0 and not least
        independent += group if len(group) == 1 or no_spread else [Term(mean, std, n, least=least)]
    return independent


def _moments(values: Sequence[float], size: float = 0.0) -> tuple[float, float]:
    """Returns mean and sample standard deviation; a spread that is a rounding error of numbers of this size is 0."""
    sample = spread(values)
    assert sample is not None
    is_rounding = max(values) - min(values) <= _ROUNDING * size
    return sample.mean, 0.0 if is_rounding else math.sqrt(sample.variance * len(values))


@dataclass(frozen=True)
class Quantity:
    """A value with its uncertainty, none by default.

    terms: the means with a spread from which it is computed. n: fewest runs of any of them. open_below, open_above:
    whether it may lie anywhere below, or above, its interval. quotient: whether its interval is computed in logarithms.
    fitted: whether it depends on seconds that the hardware card was fitted to. on_possible_cards: its values on the
    cards that other published seconds might have led to; of simulated seconds alone. diverged: which runs diverged, in
    words. runs: ids of a row's runs. ends: the earliest and latest values that the evaluations allow; None if the value
    is exact.
    """

    value: float
    terms: tuple[Term, ...] = ()
    n: int | None = None
    open_below: bool = False
    open_above: bool = False
    quotient: bool = False
    fitted: bool = False
    on_possible_cards: tuple[float, ...] = ()
    diverged: str = ""
    runs: Set[str] = frozenset()
    ends: tuple[Estimate, Estimate] | None = None

    @classmethod
    def of(cls, summary: Summary, *, exact: bool, by_seed: Mapping[int, float] | None = None) -> Quantity | None:
        """Makes a quantity; None if nothing was measured. A censored mean is a lower bound.

        exact: whether no seed changes it. by_seed: the values of which it is the mean.
        """
        bounded = summary.mean is None
        value, std = (summary.at_least, summary.at_least_std or 0.0) if bounded else (summary.mean, summary.std)
        if value is None or not math.isfinite(value):
            return None
        seeds = {} if bounded else by_seed or {}
        return _mean(value, std, summary.n, seeds, exact=exact, bounded=bounded, width=summary.resolution or 0.0)

    @property
    def middle(self) -> Estimate:
        return Estimate(self.value, self.terms)

    @property
    def earliest(self) -> Estimate:
        """The lowest values that the evaluations allow."""
        return self.middle if self.ends is None else self.ends[0]

    @property
    def latest(self) -> Estimate:
        """The highest values that the evaluations allow."""
        return self.middle if self.ends is None else self.ends[1]

    def shares_runs_with(self, other: Quantity) -> bool:
        """Whether both are values of the same runs."""
        return bool(self.runs) and self.runs == other.runs

    def certain(self) -> Quantity:
        """Returns a copy without uncertainty."""
        return replace(self, terms=(), open_below=False, open_above=False, ends=None)

    @property
    def seeds(self) -> frozenset[int]:
        """Seeds of a single mean that is known seed by seed; else empty."""
        return frozenset(self.terms[0].seeds) if len(self.terms) == 1 else frozenset()

    def of_seeds(self, seeds: Set[int]) -> Quantity:
        """Returns the mean over some of its seeds; it must be known seed by seed."""
        if seeds == self.seeds:
            return self
        by_seed = {seed: value for seed, value in self.terms[0].by_seed if seed in seeds}
        mean, std = _moments(list(by_seed.values()))
        new = _mean(mean, std, len(by_seed), by_seed, width=self.value - self.earliest.value)
        below, above = self.open_below or new.open_below, self.open_above or new.open_above
        return replace(self, value=mean, terms=new.terms, n=new.n, ends=new.ends, open_below=below, open_above=above)

    def minus(self, other: Quantity) -> Quantity:
        return self._with(other, Estimate.minus, operator.sub)

    def over(self, other: Quantity) -> Quantity | None:
        """Returns the quotient of two positive quantities; None for others."""
        if self.value <= 0 or other.value <= 0:
            return None
        quotient = self._positive()._with(other._positive(), Estimate.over, operator.truediv)
        return replace(quotient, quotient=True)

    def _positive(self) -> Quantity:
        """Returns itself, open below if its earliest value is not positive."""
        if self.earliest.value > 0:
            return self
        return replace(self, open_below=True, ends=(self.middle, self.latest))

    def times(self, factor: float) -> Quantity:
        """Returns a positive multiple."""
        multiple = self._at_ends(lambda estimate: estimate.times(factor))
        return replace(multiple, on_possible_cards=tuple(factor * value for value in self.on_possible_cards))

    def with_runs(self, n: int) -> Quantity:
        """Returns a copy in which every mean has n runs, with the same means and spreads."""
        return replace(self._at_ends(lambda estimate: estimate.with_runs(n)), n=n)

    def _at_ends(self, change: Callable[[Estimate], Estimate]) -> Quantity:
        middle, ends = change(self.middle), self.ends and (change(self.ends[0]), change(self.ends[1]))
        return replace(self, value=middle.value, terms=middle.terms, ends=ends)

    def _with(
        self, other: Quantity, how: Callable[[Estimate, Estimate], Estimate], plain: Callable[[float, float], float]
    ) -> Quantity:
        counts = [n for n in (self.n, other.n) if n is not None]
        middle = how(self.middle, other.middle)
        exact = self.ends is None and other.ends is None
        return Quantity(
            middle.value,
            middle.terms,
            min(counts) if counts else None,
            open_below=self.open_below or other.open_above,
            open_above=self.open_above or other.open_below,
            fitted=self.fitted or other.fitted,
            on_possible_cards=tuple(map(plain, self.on_possible_cards, other.on_possible_cards)),
            diverged="; ".join(dict.fromkeys(filter(None, (self.diverged, other.diverged)))),
            ends=None if exact else (how(self.earliest, other.latest), how(self.latest, other.earliest)),
        )

    def interval(self, level: float = LEVEL) -> Interval:
        """Returns the interval from the earliest to the latest values at a level, whether or not it is open."""
        interval = log_interval if self.quotient else t_interval
        return hull(*(interval(estimate.spread(), level) for estimate in (self.earliest, self.latest)))

    def bounds(self, level: float = LEVEL) -> tuple[float, float]:
        """Returns the ends of its interval at a level; infinite where it is open."""
        interval = self.interval(level)
        return (-math.inf if self.open_below else interval.low, math.inf if self.open_above else interval.high)

    def within(self, low: float, high: float, level: float = LEVEL) -> Status:
        """Judges whether it lies strictly between the bounds; never decided if a run diverged."""
        if self.diverged:
            return "not decided"
        least, most = self.bounds(level)
        if (low == -math.inf or least > low) and (high == math.inf or most < high):
            return "holds"
        return "does not hold" if most <= low or least >= high else "not decided"

    def cannot_move(self, low: float, high: float) -> bool:
        """Whether it lies within the bounds on all cards that might have been fitted, or outside them on all."""
        return len({low < value < high for value in self.on_possible_cards}) == 1


def _mean(
    value: float,
    std: float | None,
    n: int,
    by_seed: Mapping[int, float],
    *,
    exact: bool = False,
    bounded: bool = False,
    width: float = 0.0,
) -> Quantity:
    """Makes the quantity of a mean. width: by how much it may be too high, since it was found at evaluations.

    A single run shows no spread, nor do two that are equal by chance.
    """
    least, certain = rounding_variance([width]), exact and not std
    terms: tuple[Term, ...] = ()
    if std is not None and n > 1 and (n > 2 or std or least) and not certain:
        terms = (Term(value, std, n, bounded, by_seed=tuple(sorted(by_seed.items())), least=least),)
    early = tuple(
        term._replace(mean=value - width, by_seed=tuple((seed, late - width) for seed, late in term.by_seed))
        for term in terms
    )
    ends = (Estimate(value - width, early), Estimate(value, terms)) if width else None
    is_open = not terms and not certain
    return Quantity(value, terms, n, open_below=is_open, open_above=is_open or bounded, ends=ends)


def on_common_seeds(*means: Quantity) -> tuple[Quantity, ...]:
    """Restricts the means to the seeds that all have, if these are two or more; else returns them unchanged."""
    seeds = frozenset.intersection(*(mean.seeds for mean in means))
    return tuple(mean.of_seeds(seeds) for mean in means) if len(seeds) > 1 else means
