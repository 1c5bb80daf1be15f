"""Two sets of runs, cell by cell: what changed between A and B, and whether it is more than noise.

A cell is a row of a network in a family with one resolved setting. The rule of decision: the 95 % interval of the mean
difference, Student's t over the differences of equal seeds, or Welch's t where the seeds differ. It excludes 0:
"changed". It holds 0: "within noise", which says that no change was shown and not that there is none. The p value of
the permutation test stands beside it as a check that assumes no distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from results.comparison.matching import NO_TABLE, Alone, SpecDifference, differences, matched
from results.groups import SeedGroup, group
from results.measures import MEASURES, Measure
from results.records import Record
from results.reproductions import Value
from results.statistics import Summary, summary

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


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A row that A and B both have. `group` is the family, or the table of a reproduction.

    `common` seeds are in both; of them `identical` have the same losses to the last bit. `settings` are the options
    in which A and B differ, `context` the rest of the spec.
    """

    group: str
    network: str
    row: str
    label: str
    changes: tuple[Change, ...]
    common: int = 0
    identical: int = 0
    settings: tuple[SpecDifference, ...] = ()
    context: tuple[SpecDifference, ...] = ()
    incidents: str = ""

    @property
    def unchanged(self) -> bool:
        """Nothing differs that was measured, and every common seed has the same losses."""
        return self.identical == self.common and all(change.verdict == SAME for change in self.changes)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All cells that A and B share, and what only one of them has; `first` and `second` are the runs of the cells."""

    cells: tuple[ComparedCell, ...]
    alone: tuple[Alone, ...]
    first: tuple[Record, ...] = ()
    second: tuple[Record, ...] = ()

    @property
    def tested(self) -> int:
        """How many measures have an interval that noise could have moved."""
        return sum(change.low is not None and change.low != change.high for one in self.cells for change in one.changes)


COMPARED = ("best_accuracy_percent", "seconds_per_epoch", "time_to_best_seconds")
"""The measures of two sets of runs that are compared."""


def compare_runs(first: Iterable[Record], second: Iterable[Record]) -> Comparison:
    """A and B as runs: those that finished or diverged are compared, the others are said.

    Raises:
        ResultsError: a record lacks its clock.
    """
    pairs, alone = matched(group(first), group(second))
    runs = (tuple(run for pair in pairs for run in pair[side].complete) for side in (0, 1))
    return Comparison(tuple(_cell(a, b) for a, b in pairs), tuple(alone), *runs)


def compare_values(first: Sequence[Value], second: Sequence[Value]) -> Comparison:
    """A and B as values of tables, of which at least one is a reproduction that has no runs: Welch's interval alone."""
    sides = [{value.key: value for value in side} for side in (first, second)]
    alone = [
        Alone(name, value.table, value.network, value.row, value.row, value.n, _missing(value, other))
        for name, mine, other in (("A", sides[0], sides[1]), ("B", sides[1], sides[0]))
        for key, value in mine.items()
        if key not in other
    ]
    rows: dict[tuple[str, str, str], list[Change]] = {}
    for key, value in sides[0].items():
        if key in sides[1]:
            rows.setdefault(key[:3], []).append(_value_change(value, sides[1][key]))
    cells = (ComparedCell(table, network, row, row, tuple(changes)) for (table, network, row), changes in rows.items())
    return Comparison(tuple(cells), tuple(dict.fromkeys(alone)))


def same_bits(first: Record, second: Record) -> bool:
    """Whether two runs went the same way: the same losses and accuracies at every evaluation, to the last bit."""
    return bool(first.evaluations) and first.status == second.status and _numerics(first) == _numerics(second)


# ---- cells of runs


def _cell(first: SeedGroup, second: SeedGroup) -> ComparedCell:
    a, b = ({run.seed: run for run in one.complete} for one in (first, second))
    common = sorted(a.keys() & b.keys())
    chosen = (a, b)
    if len(common) >= min(2, len(a), len(b)):  # the seeds that both have tell more than all together
        chosen = ({seed: a[seed] for seed in common}, {seed: b[seed] for seed in common})
    settings, context = differences(first.first, second.first)
    return ComparedCell(
        group=first.first.family,
        network=first.first.network,
        row=first.first.row,
        label=str(first.first.labels.method_title or first.first.row),
        changes=tuple(_change(MEASURES[key], *chosen) for key in COMPARED),
        common=len(common),
        identical=sum(same_bits(a[seed], b[seed]) for seed in common),
        settings=tuple(settings),
        context=tuple(context),
        incidents="; ".join(filter(None, (_incidents("A", first), _incidents("B", second)))),
    )


def _change(measure: Measure, first: Mapping[int, Record], second: Mapping[int, Record]) -> Change:
    a, b = (_values(measure, side) for side in (first, second))
    ours, theirs = summary(list(a.values())), summary(list(b.values()))
    pairs = [(a[seed], b[seed]) for seed in a] if a.keys() == b.keys() else []
    if (ours.censored and theirs.censored and a == b) or (pairs and all(_close(x, y) for x, y in pairs)):
        return Change(measure.key, ours, theirs, SAME, difference=0.0, pairs=len(pairs))
    if ours.mean is None or theirs.mean is None:
        return Change(measure.key, ours, theirs, UNDECIDED, _without_value(ours, theirs))
    if _noiseless(measure, [*first.values(), *second.values()]) and not ours.std and not theirs.std:
        difference = theirs.mean - ours.mean
        why = "simulated seconds, without noise"
        return Change(measure.key, ours, theirs, CHANGED, why, difference, difference, difference, None, len(pairs))
    return _tested(measure.key, ours, theirs, [y - x for x, y in pairs if x is not None and y is not None], (a, b))


def _values(measure: Measure, runs: Mapping[int, Record]) -> dict[int, float | None]:
    """Seed -> value."""
    return {seed: measure.of(run) for seed, run in runs.items()}


def _tested(
    measure: str,
    ours: Summary,
    theirs: Summary,
    paired: Sequence[float],
    values: tuple[Mapping[int, float | None], Mapping[int, float | None]],
) -> Change:
    from results.statistics.inference import mean_interval, permutation_test

    a, b = ([value for value in side.values() if value is not None] for side in values)
    p = permutation_test(a, b).p if min(len(a), len(b)) >= 2 else None
    interval = mean_interval(paired, LEVEL)
    if interval is None:
        return _welch_change(measure, ours, theirs, p)
    difference = math.fsum(paired) / len(paired)
    verdict, why = _verdict(interval.low, interval.high, len(paired))
    return Change(measure, ours, theirs, verdict, why, difference, interval.low, interval.high, p, len(paired))


def _welch_change(measure: str, ours: Summary, theirs: Summary, p: float | None) -> Change:
    from results.statistics.intervals import Spread, t_interval, welch_freedom

    if ours.mean is None or theirs.mean is None or ours.std is None or theirs.std is None:
        difference = theirs.mean - ours.mean if ours.mean is not None and theirs.mean is not None else None
        return Change(measure, ours, theirs, UNDECIDED, "one run says nothing of noise", difference)
    one = Spread(ours.mean, ours.std**2 / ours.n, ours.n - 1.0)
    two = Spread(theirs.mean, theirs.std**2 / theirs.n, theirs.n - 1.0)
    both = Spread(two.mean - one.mean, one.variance + two.variance, welch_freedom(one, two))
    interval = t_interval(both, LEVEL)
    verdict, why = _verdict(interval.low, interval.high, min(ours.n, theirs.n))
    return Change(measure, ours, theirs, verdict, why, both.mean, interval.low, interval.high, p)


def _verdict(low: float, high: float, n: int) -> tuple[Verdict, str]:
    from results.statistics.inference import weak

    return (NOISE if low <= 0 <= high else CHANGED), f"weak: {n} seeds" if weak(n) else ""


def _noiseless(measure: Measure, runs: Sequence[Record]) -> bool:
    """The virtual clock gives every epoch of a setting the same seconds, unless devices are delayed at random."""
    simulated = all(run.simulated for run in runs)
    return measure.clock and simulated and not any(run.spec.hardware.delays for run in runs)


def _numerics(record: Record) -> list[tuple[str, ...]]:
    names = ("loss", "train_loss", "accuracy_percent", "train_accuracy_percent")
    return [(str(p.epoch), str(p.step), *(repr(p.metrics.get(name)) for name in names)) for p in record.evaluations]


def _incidents(side: str, one: SeedGroup) -> str:
    words = dict.fromkeys(run.status for run in one.records if run.status != "finished")
    counts = [f"{sum(run.status == word for run in one.records)} {word}" for word in words]
    return f"{side}: {', '.join(counts)}" if counts else ""


def _without_value(first: Summary, second: Summary) -> str:
    sides = (("A", first), ("B", second))
    return "; ".join(f"{name}: {one.censored} of {one.n} runs without a value" for name, one in sides if one.censored)


def _close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=ROUNDING)


# ---- values of tables


def _value_change(first: Value, second: Value) -> Change:
    ours, theirs = first.summary, second.summary
    if ours == theirs or (ours.mean is not None and theirs.mean is not None and _close(ours.mean, theirs.mean)):
        return Change(first.measure, ours, theirs, SAME, difference=0.0)
    if ours.mean is None or theirs.mean is None:
        return Change(first.measure, ours, theirs, UNDECIDED, _without_value(ours, theirs))
    return _welch_change(first.measure, ours, theirs, None)


def _missing(value: Value, other: Mapping[tuple[str, str, str, str], Value]) -> str:
    if not any(key[0] == value.table for key in other):
        return NO_TABLE
    same = any(key[:3] == value.key[:3] for key in other)
    return "the other lacks a measure" if same else "the other has no values of this row"
