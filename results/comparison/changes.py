"""One measure in A and in B: whether it changed, and whether that is more than noise.

The rule of decision: the 95 % interval of the mean difference, Student's t over the differences of equal seeds, or
Welch's t where the seeds differ. It excludes 0: "changed". It holds 0: "within noise", which says that no change was
shown and not that there is none. The p value of the permutation test stands beside it as a check that assumes no
distribution. Times that were found at evaluations lie between two of them, and so does what is said of them
(results.statistics.resolution).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from results.measures import Measure
from results.records import Record
from results.reproductions import Value
from results.statistics import Summary, summary
from results.statistics.inference import permutation_test, weak
from results.statistics.resolution import Bracketed, difference_hull, nearest, of_summary

LEVEL = 0.95
ROUNDING = 1e-12
"""Relative: what sums in another order differ by."""

Verdict = Literal["the same", "changed", "within noise", "undecided"]
SAME: Final = "the same"
CHANGED: Final = "changed"
NOISE: Final = "within noise"
UNDECIDED: Final = "undecided"


@dataclass(frozen=True, slots=True)
class Change:
    """One measure of one cell in A and in B, over the same seeds where both have them.

    `difference` is B - A, `low` to `high` its interval at LEVEL, `ratio` B / A; `pairs` counts the seeds that were
    paired, 0 for Welch's interval. None where there is none; `why` says it.
    """

    measure: str
    first: Summary
    second: Summary
    verdict: Verdict
    why: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    pairs: int = 0

    @property
    def ratio(self) -> float | None:
        """B / A; None where there is no mean, or A's is 0."""
        return self.second.mean / self.first.mean if self.first.mean and self.second.mean is not None else None


def change(measure: Measure, first: Mapping[int, Record], second: Mapping[int, Record]) -> Change:
    """The measure over runs by seed; paired where both have the same seeds."""
    a, b = ({seed: measure.of(run) for seed, run in side.items()} for side in (first, second))
    ours, theirs = (
        summary(list(values.values()), resolutions=measure.resolutions(list(side.values())))
        for values, side in ((a, first), (b, second))
    )
    pairs = [(a[seed], b[seed]) for seed in a] if a.keys() == b.keys() else []
    if (ours.censored and theirs.censored and a == b) or (pairs and all(_close(x, y) for x, y in pairs)):
        return Change(measure.key, ours, theirs, SAME, difference=0.0, pairs=len(pairs))
    if ours.mean is None or theirs.mean is None:
        return Change(measure.key, ours, theirs, UNDECIDED, _without_value(ours, theirs))
    if _noiseless(measure, [*first.values(), *second.values()]) and not ours.std and not theirs.std:
        difference = theirs.mean - ours.mean
        why = "simulated seconds, without noise"
        return Change(measure.key, ours, theirs, CHANGED, why, difference, difference, difference, None, len(pairs))
    one, other = (_bracketed(measure, side) for side in (first, second))
    return _tested(measure.key, ours, theirs, one, other, paired=bool(pairs))


def _bracketed(measure: Measure, runs: Mapping[int, Record]) -> Bracketed:
    """Values of the runs in the order of seeds, each with the interval between evaluations that it lies in."""
    ordered = [runs[seed] for seed in sorted(runs)]
    values = [value for run in ordered if (value := measure.of(run)) is not None]
    return Bracketed.of(values, measure.resolutions(ordered))


def _tested(measure: str, ours: Summary, theirs: Summary, a: Bracketed, b: Bracketed, *, paired: bool) -> Change:
    p = float(permutation_test(*nearest(a, b))) if min(len(a.latest), len(b.latest)) >= 2 else None
    interval = b.minus(a).interval(LEVEL) if paired else None
    if interval is None or ours.mean is None or theirs.mean is None:
        return _welch_change(measure, ours, theirs, p)
    difference, n = theirs.mean - ours.mean, len(a.latest)
    verdict, why = _verdict(interval.low, interval.high, n)
    return Change(measure, ours, theirs, verdict, why, difference, interval.low, interval.high, p, n)


def _welch_change(measure: str, ours: Summary, theirs: Summary, p: float | None) -> Change:
    a, b = of_summary(ours), of_summary(theirs)
    difference = theirs.mean - ours.mean if ours.mean is not None and theirs.mean is not None else None
    if a is None or b is None:
        return Change(measure, ours, theirs, UNDECIDED, "one run says nothing of noise", difference)
    interval = difference_hull(b, a, LEVEL)
    verdict, why = _verdict(interval.low, interval.high, min(ours.n, theirs.n))
    return Change(measure, ours, theirs, verdict, why, difference, interval.low, interval.high, p)


def _verdict(low: float, high: float, n: int) -> tuple[Verdict, str]:
    return (NOISE if low <= 0 <= high else CHANGED), f"weak: {n} seeds" if weak(n) else ""


def _noiseless(measure: Measure, runs: Sequence[Record]) -> bool:
    """The virtual clock gives every epoch of a setting the same seconds, unless devices are delayed at random."""
    simulated = all(run.simulated for run in runs)
    return measure.clock and simulated and not any(run.spec.hardware.delays for run in runs)


def value_change(first: Value, second: Value) -> Change:
    """Change of values without runs, by Welch's interval alone."""
    ours, theirs = first.summary, second.summary
    if ours == theirs or (ours.mean is not None and theirs.mean is not None and _close(ours.mean, theirs.mean)):
        return Change(first.measure, ours, theirs, SAME, difference=0.0)
    if ours.mean is None or theirs.mean is None:
        return Change(first.measure, ours, theirs, UNDECIDED, _without_value(ours, theirs))
    return _welch_change(first.measure, ours, theirs, None)


def _without_value(first: Summary, second: Summary) -> str:
    sides = (("A", first), ("B", second))
    return "; ".join(f"{side}: {its.censored} of {its.n} runs without a value" for side, its in sides if its.censored)


def _close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=ROUNDING)
