"""The means of runs that a quantity is computed of, with what each adds to its error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from results.statistics.intervals import LEVEL, bound_variance, spread

_ROUNDING = 1e-9


class Term(NamedTuple):
    """A mean of n runs that a quantity is computed of, which moves by `weight` when the mean moves by 1.

    bounded: the mean is known by a lower bound. by_seed: the seeds in order, each with its run's value; of a paper's
    mean, a bound or an analysis's there are none. least: the variance that a run's value has at least.
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
        """Squared standard error of the term, in the quantity's unit squared."""
        own = max(self.std**2, self.least) / self.n
        return self.weight**2 * (bound_variance(self.mean, own, self.n, LEVEL) if self.bounded else own)


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
    mean, std = moments([math.fsum(of_seed) for of_seed in runs], max(abs(term.mean * term.weight) for term in terms))
    n, least = terms[0].n, math.fsum(term.weight**2 * term.least for term in terms)
    return terms if n == 2 and std == 0 and not least else [Term(mean, std, n, least=least)]


def moments(values: Sequence[float], size: float = 0.0) -> tuple[float, float]:
    """Mean and sample standard deviation; no spread where it is a rounding error of numbers of a size."""
    found = spread(values)
    assert found is not None
    error = max(values) - min(values) <= _ROUNDING * size
    return found.mean, 0.0 if error else math.sqrt(found.variance * len(values))


def weighed(parts: Iterable[Term], factor: float) -> tuple[Term, ...]:
    return tuple(part._replace(weight=factor * part.weight) for part in parts)
