"""Says what would decide an undecided claim: more seeds, runs that are missing, or no runs at all.

Seeds are counted as in a power analysis (Cohen, 1988): were the means and spreads seen the true ones, so many of every
row would decide the claim by the rule of `quantities` with a chance of POWER. The chance is that of the noncentral t
distribution with n - 1 degrees of freedom, the fewest that the rule may count, so that it is never overstated. Several
comparisons that must all come out: their chances of failing are added up, since they share rows and may fail together.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.papers.claims.quantities import Outcome, Quantity
from results.statistics.inference import WEAK_RUNS, chance_beyond
from results.statistics.intervals import LEVEL

POWER = 0.8
MOST = 100
"""Seeds beyond which nobody goes."""
SEEDS = (
    f"Seeds that would decide a claim are those with which it is decided at {100 * POWER:.0f} % power, were the "
    "differences and spreads seen the true ones: from three seeds a rough guess."
)
"""In a few words, for those who read numbers of seeds."""
FITTED = (
    "no runs on this hardware card can: the seconds compared follow from what it was fitted to; runs in real time "
    "(--executor threads) or on another card can"
)


@dataclass(frozen=True)
class Need:
    """Need of an undecided claim, in words. seeds: how many of every row would decide it, None if more than MOST."""

    words: str = ""
    seeds: int | None = None


DECIDED = Need()


def fitted_parts(points: Sequence[Outcome]) -> set[int]:
    """The statements of a claim for which there are fitted seconds alone."""
    return {point.part for point in points} - {point.part for point in points if not point.fitted}


def need(points: Sequence[Outcome], needs: Sequence[str], level: float, *, any_of: bool) -> Need:
    """Need of an undecided claim, from all its comparisons. level: of a comparison that decides the claim by itself."""
    counted = [point for point in points if not point.fitted]
    lost = (cell for point in counted if point.status == "missing" for cell in point.text.split(", "))
    missing = list(dict.fromkeys(lost))
    if all(point.status == "missing" for point in points):
        return Need(f"runs of {', '.join(needs)}: there are none")
    if fitted_parts(points):
        return Need(FITTED)
    undecided = [point for point in counted if point.status == "not decided"]
    if not undecided and not missing:
        return DECIDED
    alone = [point for point in undecided if _inside(point) == any_of]  # one of them decides the claim by itself
    by_one = _seeds(alone, level, lambda chances: max(chances) >= POWER) if alone else None
    if missing and (by_one is None or by_one.seeds is None):
        return Need(f"runs that are missing: {', '.join(missing[:4])}{' and others' if len(missing) > 4 else ''}")
    return by_one or _seeds(undecided, LEVEL, lambda chances: math.fsum(1 - one for one in chances) <= 1 - POWER)


def chance(point: Outcome, n: int, level: float = LEVEL) -> float:
    """The chance that n runs of every mean decide a comparison the way it stands, if means and spreads are as seen."""
    found = point.found
    if found is None or found.diverged or not found.parts:
        return 0.0
    of = found.with_runs(n)
    if point.low < found.value < point.high:
        known = (point.low == -math.inf or not of.open_below) and (point.high == math.inf or not of.open_above)
        gaps = (_gap(of.earliest, point.low, above=True), _gap(of.latest, point.high, above=False))
        beyond = [chance_beyond(gap, error, n - 1, level) for gap, error in gaps if gap < math.inf]
        return max(0.0, 1 - math.fsum(1 - one for one in beyond)) if known else 0.0
    above = found.value >= point.high
    if of.open_below if above else of.open_above:
        return 0.0
    gap, error = _gap(of.earliest, point.high, above=True) if above else _gap(of.latest, point.low, above=False)
    return chance_beyond(gap, error, n - 1, level)


def _gap(of: Quantity, bound: float, *, above: bool) -> tuple[float, float]:
    """Distance to a bound and its standard error; a quotient's by logarithms, as its interval."""
    error, value = math.sqrt(math.fsum(part.variance for part in of.parts)), of.value
    if of.quotient:
        error, value, bound = error / value, math.log(value), math.log(bound) if bound > 0 else -math.inf
    return (value - bound if above else bound - value), error


def _inside(point: Outcome) -> bool:
    return point.found is None or point.low < point.found.value < point.high


def _seeds(points: Sequence[Outcome], level: float, enough: Callable[[list[float]], bool]) -> Need:
    """The smallest number of seeds, above what there is, with which the chances of these comparisons are enough."""
    first = max(2, 1 + min((point.n or 1 for point in points), default=1))
    tried = range(first, MOST + 1)
    n = first + bisect_left(tried, True, key=lambda n: enough([chance(point, n, level) for point in points]))
    if n > MOST:
        hopeless = (_why_not(point) for point in points if chance(point, MOST, level) < POWER)
        return Need(next(hopeless, _TOO_SMALL))
    return Need(f"{n} seeds of every row", n)


TOO_COARSE = "finer evaluations (--evaluate-every): the effect is too small beside the time between two of them"
_TOO_SMALL = f"more than {MOST} seeds: the effect is too small beside the spread"


def _why_not(point: Outcome) -> str:
    found = point.found
    if found is None:
        return f"no number of seeds: {point.why}"
    if found.diverged:
        return f"no number of seeds while runs diverge ({found.diverged})"
    if found.open_below and found.open_above and (found.n or 0) < WEAK_RUNS:
        alone = "a single seed shows" if found.n == 1 else "two seeds that are equal show"
        return f"{WEAK_RUNS} seeds or more: {alone} no spread"
    if (found.open_below or found.open_above) and not chance(point, MOST):
        return "longer runs: a time is known by a lower bound alone"
    if found.ends is not None and chance(replace(point, found=replace(found, ends=None)), MOST) >= POWER:
        return TOO_COARSE
    return _TOO_SMALL
