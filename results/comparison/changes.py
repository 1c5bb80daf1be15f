"""Decides whether one measure changed from A to B by more than noise.

The 95 % interval of the mean difference decides (results.statistics.seeds): "changed" where it leaves out 0, else
"within noise". The latter says that no change was shown, not that there is none. The p value of a permutation test,
which assumes no distribution, is given as a check.
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

    difference: B - A, with its 95 % interval from low to high. p: of the permutation test. pairs: number of paired
    seeds, 0 for Welch's interval. Values that cannot be computed are None; `why` gives the reason.
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
        """B / A; None where a mean is missing or A's is 0."""
        return self.second.mean / self.first.mean if self.first.mean and self.second.mean is not None else None


def change(measure: Measure, first: Mapping[int, Record], second: Mapping[int, Record]) -> Change:
    """Compares a measure over runs by seed, pairing the runs where both sides have the same seeds."""
    a, b = (measure.by_run(list(side.values()), ALONE) for side in (first, second))
    summary_a, summary_b = (summary(side.values, resolutions=side.widths) for side in (a, b))
    pairs = list(zip(a.values, b.values, strict=True)) if a.seeds == b.seeds else []
    if pairs and all(equal(x, y) for x, y in pairs):
        return Change(measure.key, summary_a, summary_b, SAME, difference=0.0, pairs=len(pairs))
    if summary_a.mean is None or summary_b.mean is None:
        return Change(measure.key, summary_a, summary_b, UNDECIDED, _without_value(summary_a, summary_b))
    if _noiseless(measure, [*first.values(), *second.values()]) and not summary_a.std and not summary_b.std:
        if equal(summary_a.mean, summary_b.mean):
            return Change(measure.key, summary_a, summary_b, SAME, difference=0.0)
        exact = summary_b.mean - summary_a.mean
        why = "simulated seconds, without noise"
        return Change(measure.key, summary_a, summary_b, CHANGED, why, exact, exact, exact, None, len(pairs))
    compared, common_seeds = difference(b, a), a.by_seed.keys() & b.by_seed.keys()
    p = float(permutation_test(*nearest(a.bracketed, b.bracketed))) if min(summary_a.n, summary_b.n) > 1 else None
    return _decided(
        measure.key, summary_a, summary_b, compared[1] if compared is not None else None, p, len(common_seeds)
    )


def _decided(
    measure: str,
    summary_a: Summary,
    summary_b: Summary,
    interval: Interval | None,
    p: float | None = None,
    common: int = 0,
) -> Change:
    assert summary_a.mean is not None
    assert summary_b.mean is not None
    mean_difference = summary_b.mean - summary_a.mean
    if interval is None:
        return Change(measure, summary_a, summary_b, UNDECIDED, "one run says nothing of noise", mean_difference)
    pairs = common if common > 1 else 0
    n = pairs or min(summary_a.n, summary_b.n)
    verdict: Verdict = CHANGED if interval.leaves_out(0) else NOISE
    why = f"weak: {n} seeds" if weak(n) else ""
    return Change(measure, summary_a, summary_b, verdict, why, mean_difference, interval.low, interval.high, p, pairs)


def _noiseless(measure: Measure, runs: Sequence[Record]) -> bool:
    """Whether no seed changes the measure: it is simulated seconds, and no device is delayed at random."""
    simulated = all(run.simulated for run in runs)
    return measure.clock and simulated and not any(run.spec.hardware.delays for run in runs)


def value_change(first: Value, second: Value) -> Change:
    """Compares values without runs, by Welch's interval."""
    summary_a, summary_b = first.summary, second.summary
    if summary_a == summary_b or (summary_a.mean is not None and equal(summary_a.mean, summary_b.mean)):
        return Change(first.measure, summary_a, summary_b, SAME, difference=0.0)
    if summary_a.mean is None or summary_b.mean is None:
        return Change(first.measure, summary_a, summary_b, UNDECIDED, _without_value(summary_a, summary_b))
    return _decided(first.measure, summary_a, summary_b, summary_difference(summary_b, summary_a))


def _without_value(first: Summary, second: Summary) -> str:
    sides = (("A", first), ("B", second))
    return "; ".join(
        f"{side}: {values.censored} of {values.n} runs without a value" for side, values in sides if values.censored
    )
