"""One measure in A and in B: whether it changed, and whether that is more than noise.

The 95 % interval of the mean difference decides (results.statistics.seeds). It leaves out 0: "changed". It holds 0:
"within noise", which says that no change was shown and not that there is none. The p value of the permutation test
stands beside it as a check that assumes no distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from results.measures import ALONE, Measure
from results.records import Record
from results.reproductions import Value
from results.statistics import Summary, summary
from results.statistics.inference import permutation_test, weak
from results.statistics.intervals import Interval
from results.statistics.resolution import nearest, summary_difference
from results.statistics.seeds import difference, equal

Verdict = Literal["the same", "changed", "within noise", "undecided"]
SAME: Final = "the same"
CHANGED: Final = "changed"
NOISE: Final = "within noise"
UNDECIDED: Final = "undecided"


@dataclass(frozen=True, slots=True)
class Change:
    """One measure of one cell in A and in B, over the same seeds where both have them.

    `difference` is B - A, `low` to `high` its 95 % interval, `ratio` B / A; `pairs` counts the seeds that were
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
    a, b = (measure.by_run(list(side.values()), ALONE) for side in (first, second))
    ours, theirs = (summary(side.values, resolutions=side.widths) for side in (a, b))
    pairs = list(zip(a.values, b.values, strict=True)) if a.seeds == b.seeds else []
    if pairs and all(equal(x, y) for x, y in pairs):
        return Change(measure.key, ours, theirs, SAME, difference=0.0, pairs=len(pairs))
    if ours.mean is None or theirs.mean is None:
        return Change(measure.key, ours, theirs, UNDECIDED, _without_value(ours, theirs))
    if _noiseless(measure, [*first.values(), *second.values()]) and not ours.std and not theirs.std:
        exact = theirs.mean - ours.mean
        why = "simulated seconds, without noise"
        return Change(measure.key, ours, theirs, CHANGED, why, exact, exact, exact, None, len(pairs))
    found, common = difference(b, a), a.by_seed.keys() & b.by_seed.keys()
    p = float(permutation_test(*nearest(a.bracketed, b.bracketed))) if min(ours.n, theirs.n) > 1 else None
    return _decided(measure.key, ours, theirs, found[1] if found is not None else None, p, len(common))


def _decided(
    measure: str, ours: Summary, theirs: Summary, interval: Interval | None, p: float | None = None, common: int = 0
) -> Change:
    assert ours.mean is not None
    assert theirs.mean is not None
    apart = theirs.mean - ours.mean
    if interval is None:
        return Change(measure, ours, theirs, UNDECIDED, "one run says nothing of noise", apart)
    pairs = common if common > 1 else 0
    n = pairs or min(ours.n, theirs.n)
    verdict: Verdict = CHANGED if interval.leaves_out(0) else NOISE
    why = f"weak: {n} seeds" if weak(n) else ""
    return Change(measure, ours, theirs, verdict, why, apart, interval.low, interval.high, p, pairs)


def _noiseless(measure: Measure, runs: Sequence[Record]) -> bool:
    """The virtual clock gives every epoch of a setting the same seconds, unless devices are delayed at random."""
    simulated = all(run.simulated for run in runs)
    return measure.clock and simulated and not any(run.spec.hardware.delays for run in runs)


def value_change(first: Value, second: Value) -> Change:
    """Change of values without runs, by Welch's interval alone."""
    ours, theirs = first.summary, second.summary
    if ours == theirs or (ours.mean is not None and equal(ours.mean, theirs.mean)):
        return Change(first.measure, ours, theirs, SAME, difference=0.0)
    if ours.mean is None or theirs.mean is None:
        return Change(first.measure, ours, theirs, UNDECIDED, _without_value(ours, theirs))
    return _decided(first.measure, ours, theirs, summary_difference(theirs, ours))


def _without_value(first: Summary, second: Summary) -> str:
    sides = (("A", first), ("B", second))
    return "; ".join(f"{side}: {its.censored} of {its.n} runs without a value" for side, its in sides if its.censored)
