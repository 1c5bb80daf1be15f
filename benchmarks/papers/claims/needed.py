"""States what would decide an undecided claim: more seeds, missing runs, or no runs at all.

Seeds are counted by a power analysis (Cohen, 1988): if the measured means and spreads are the true ones, this many
seeds of every row decide the claim by the rule of `quantities` with probability POWER. The noncentral t distribution
gives that probability, with n - 1 degrees of freedom, the fewest that the rule may use, so it is never overstated. If
several comparisons must all be decided, their probabilities of failing are added, since they share rows and may fail
together.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.papers.claims.quantities import Estimate
from benchmarks.papers.claims.rules import Outcome
from results.statistics.inference import WEAK_RUNS, chance_beyond
from results.statistics.intervals import LEVEL

POWER = 0.8
MOST = 100
"""More seeds than anybody would run."""
SEEDS = (
    f"Seeds that would decide a claim: with so many it is decided at {100 * POWER:.0f} % power, if the differences and "
    "spreads seen are the true ones. From three seeds this is a rough guess."
)
"""Explanation of numbers of seeds, for readers of a table."""
FITTED = (
    "no runs on this hardware card can: the seconds compared follow from what it was fitted to; runs in real time "
    "(--executor threads) or on another card can"
)
TOO_COARSE = "finer evaluations (--evaluate-every): the effect is too small beside the time between two of them"
_TOO_SMALL = f"more than {MOST} seeds: the effect is too small beside the spread"


@dataclass(frozen=True)
class Need:
    """Evidence that would decide a claim. seeds: of every row; None if more than MOST, or none, would do."""

    description: str = ""
    seeds: int | None = None


DECIDED = Need()


def fitted_parts(points: Sequence[Outcome]) -> set[int]:
    """Numbers of a claim's statements whose comparisons all rest on fitted seconds."""
    return {point.part for point in points} - {point.part for point in points if not point.fitted}


def need(points: Sequence[Outcome], needs: Sequence[str], level: float, *, any_of: bool) -> Need:
    """Returns what an undecided claim needs. level: of a comparison that decides the claim by itself."""
    if all(point.status == "missing" for point in points):
        return Need(f"runs of {', '.join(needs)}: there are none")
    if fitted_parts(points):
        return Need(FITTED)
    counted = [point for point in points if not point.fitted]
    texts = [point.text for point in counted if point.status == "missing"]
    missing = list(dict.fromkeys(cell for text in texts for cell in text.split(", ")))
    undecided = [point for point in counted if point.status == "not decided"]
    alone = [point for point in undecided if _inside(point) == any_of]  # each of them decides the claim by itself
    by_one = _seeds(alone, level, lambda chances: max(chances) >= POWER) if alone else None
    if missing and (by_one is None or by_one.seeds is None):
        return Need(f"runs that are missing: {', '.join(missing[:4])}{' and others' if len(missing) > 4 else ''}")
    if by_one is not None or not undecided:
        return by_one or DECIDED
    return _seeds(undecided, LEVEL, lambda chances: math.fsum(1 - chance for chance in chances) <= 1 - POWER)


def chance(point: Outcome, n: int, level: float = LEVEL) -> float:
    """Returns the probability that n runs per mean decide a comparison the way it stands.

    The measured means and spreads count as the true ones.
    """
    if point.quantity is None or point.quantity.diverged or not point.quantity.terms:
        return 0.0
    quantity = point.quantity.with_runs(n)

    def beyond(bound: float, *, above: bool) -> float:
        """Probability that the interval's lower end is above the bound, or its upper end below it."""
        if math.isinf(bound):
            return 1.0
        if quantity.open_below if above else quantity.open_above:
            return 0.0
        estimate = quantity.earliest if above else quantity.latest
        gap, error = _gap(estimate, bound, logs=quantity.quotient)
        return chance_beyond(gap if above else -gap, error, n - 1, level)

    if point.low < quantity.value < point.high:
        return max(0.0, beyond(point.low, above=True) + beyond(point.high, above=False) - 1)
    return beyond(point.high, above=True) if quantity.value >= point.high else beyond(point.low, above=False)


def _gap(estimate: Estimate, bound: float, *, logs: bool) -> tuple[float, float]:
    """Returns a value's distance above a bound and its standard error; for a quotient in logarithms."""
    error, value = math.sqrt(math.fsum(term.variance for term in estimate.terms)), estimate.value
    if logs:
        error, value, bound = error / value, math.log(value), math.log(bound) if bound > 0 else -math.inf
    return value - bound, error


def _inside(point: Outcome) -> bool:
    return point.quantity is None or point.low < point.quantity.value < point.high


def _seeds(points: Sequence[Outcome], level: float, enough: Callable[[list[float]], bool]) -> Need:
    """Finds the smallest number of seeds, above the present one, whose probabilities are enough."""
    first = max(2, 1 + min((point.n or 1 for point in points), default=1))
    tried = range(first, MOST + 1)
    n = first + bisect_left(tried, True, key=lambda n: enough([chance(point, n, level) for point in points]))
    if n <= MOST:
        return Need(f"{n} seeds of every row", n)
    hopeless = (_why_hopeless(point) for point in points if chance(point, MOST, level) < POWER)
    return Need(next(hopeless, _TOO_SMALL))


def _why_hopeless(point: Outcome) -> str:
    quantity = point.quantity
    if quantity is None:
        return f"no number of seeds: {point.why}"
    if quantity.diverged:
        return f"no number of seeds while runs diverge ({quantity.diverged})"
    if quantity.open_below and quantity.open_above and (quantity.n or 0) < WEAK_RUNS:
        alone = "a single seed shows" if quantity.n == 1 else "two seeds that are equal show"
        return f"{WEAK_RUNS} seeds or more: {alone} no spread"
    if (quantity.open_below or quantity.open_above) and not chance(point, MOST):
        return "longer runs: only a lower bound of a time is known"
    exact = replace(point, quantity=replace(quantity, ends=None))
    return TOO_COARSE if quantity.ends is not None and chance(exact, MOST) >= POWER else _TOO_SMALL
