"""Numbers of a table from its runs' curves: targets, times to a target, mean and standard deviation.

All of it is computed from the records afterwards, so that a target can change without a new run.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from results.errors import ResultsError
from results.records import Evaluation, Record
from results.records.spec import ACCURACY, Judge
from results.statistics.chance import Chance


@dataclass(frozen=True, slots=True)
class Reach:
    """A point on a run's way: seconds on the record's clock, and epochs."""

    seconds: float
    epochs: float


@dataclass(frozen=True, slots=True)
class Best:
    """A run's best value of what it is judged by, and when it was reached first."""

    value: float
    seconds: float
    epochs: float


@dataclass(frozen=True, slots=True)
class Target:
    """A value to reach, the row that sets it, and the rows without any run that could take part.

    near_chance: why it is none, in words, where runs that have learnt nothing may reach it; else "".
    """

    value: float
    row: str
    judge: Judge = ACCURACY
    left_out: tuple[str, ...] = ()
    near_chance: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """Runs taken together: sample mean and standard deviation (ddof = 1; None for one run) over n runs.

    `censored` of the n runs have no value. Then mean and std are None, and `at_least` is a lower bound of the mean,
    if every censored run came with one; `at_least_std` is the standard deviation of what it is the mean of: the values,
    and for censored runs how far they went. `resolution`: the mean, or the bound, may be too high by up to so much,
    since its values were found at evaluations; None: by nothing.
    """

    mean: float | None
    std: float | None
    n: int
    censored: int = 0
    at_least: float | None = None
    at_least_std: float | None = None
    resolution: float | None = None


def reach(record: Record, target: float) -> Reach | None:
    """The first evaluation as good as the target, on the record's clock; None if there is none (censored).

    A run that diverged has arrived nowhere, whatever it had reached before it fell apart.
    """
    if record.status == "diverged":
        return None
    for point in record.evaluations:
        if record.judge.reached(record.judge.of(point.metrics), target):
            return Reach(_seconds(record, point), point.epoch)
    return None


def best(record: Record) -> Best | None:
    """The best value of the curve and its first time; None if no evaluation has a finite one.

    A diverged run keeps the best value it had before; whoever shows it says that it diverged.
    """
    return _best_by(record, record.judge, record.judge)


def best_validation(record: Record) -> Best | None:
    """The best value on the validation split, where the run has one; else `best`."""
    return _best_by(record, record.monitor, record.monitor)


def at_best_validation(record: Record) -> Best | None:
    """The value on the test split at the first evaluation that was best by validation; None without such a split."""
    if record.spec.workload.validation is None:
        return None
    return _best_by(record, record.monitor, record.judge)


def _best_by(record: Record, monitor: Judge, shown: Judge) -> Best | None:
    """The `shown` value of the evaluation that is best by `monitor`; None if none has finite values of both."""
    points = [
        point
        for point in record.evaluations
        if math.isfinite(monitor.of(point.metrics)) and math.isfinite(shown.of(point.metrics))
    ]
    if not points:
        return None
    top = max(points, key=lambda point: monitor.rank(monitor.of(point.metrics)))  # max keeps the first of equals
    return Best(shown.of(top.metrics), _seconds(record, top), top.epoch)


def extent(record: Record) -> Reach | None:
    """Clock and epochs of the run's last evaluation: lower bounds of a censored time."""
    if not record.evaluations:
        return None
    last = record.evaluations[-1]
    return Reach(_seconds(record, last), last.epoch)


def since(record: Record, point: Reach | Best) -> Reach:
    """The way to an evaluation from the one before: what was found at it may have been there up to so much earlier."""
    before = [earlier for earlier in record.evaluations if earlier.epoch < point.epochs]
    if not before:
        return Reach(point.seconds, point.epochs)
    return Reach(point.seconds - _seconds(record, before[-1]), point.epochs - before[-1].epoch)


def worst_best(records_by_row: Mapping[str, Sequence[Record]]) -> Target:
    """The paper's target: the best of the worst method, rounded towards the worse over that method's seeds.

    The worst row has the worst mean of its runs' bests; the target is the worst of them, rounded by the judge's digits,
    so that each of that row's seeds reaches it (61.0 +- 0.17 % -> 60, 87.8 +- 0.09 -> 87; 1.874 nats -> 1.88).

    Runs that diverged or have not ended take no part: a method that fell apart must not lower everybody's target. A
    row that has no other runs is named in `left_out`; it is measured against the target like the others, which it
    reaches or not. Say so where the target is shown.

    Raises:
        ResultsError: no run of any row has finished.
    """
    per_row = {row: _bests(runs) for row, runs in records_by_row.items()}
    taking_part = {row: values for row, values in per_row.items() if values}
    if not taking_part:
        raise ResultsError("No run has finished, so that there is no target; look at the runs' journals, or set one.")
    judge = judge_of(run for runs in records_by_row.values() for run in runs)
    row = min(taking_part, key=lambda name: judge.rank(math.fsum(taking_part[name]) / len(taking_part[name])))
    value = judge.lenient(min(taking_part[row], key=judge.rank))
    return Target(value, row, judge, tuple(name for name in per_row if name not in taking_part))


def paper_target(records_by_row: Mapping[str, Sequence[Record]], paper_rows: Container[str]) -> Target | None:
    """`worst_best` of the rows that the paper has, so that no variant, baseline or plug-in moves the target.

    Where none of those is there, all rows take part. None: no run of the rows that take part has finished.
    """
    theirs = {row: runs for row, runs in records_by_row.items() if row in paper_rows and runs}
    per_row = theirs or records_by_row
    return worst_best(per_row) if any(_bests(runs) for runs in per_row.values()) else None


def against_chance(target: Target, records_by_row: Mapping[str, Sequence[Record]], chance: Chance | None) -> Target:
    """The target with why it is none, where runs that have learnt nothing may reach it.

    It is judged by the runs that set it, or by itself, as one run's, where no run did. chance: None where not known.
    """
    finished = [run for run in records_by_row.get(target.row, ()) if run.status == "finished"]
    runs = finished or [run for of in records_by_row.values() for run in of]
    evaluations = max([1, *(len(run.evaluations) for run in runs)])
    if chance is None or not chance.near(_bests(finished) or [target.value], evaluations):
        return target
    tried = f"{chance.samples:,} test samples, {evaluations} evaluations a run"
    why = f"no target: {target.judge.said(target.value)} may be reached without learning; {chance.words} ({tried})"
    return replace(target, near_chance=why)


def learnt_nothing(record: Record, chance: Chance | None) -> bool:
    """Whether the run's best may be that of a network that has learnt nothing. chance: None: not known."""
    top = best(record)
    return chance is not None and top is not None and chance.near([top.value], len(record.evaluations))


def summary(
    values: Sequence[float | None],
    bounds: Sequence[float | None] | None = None,
    resolutions: Sequence[float | None] = (),
) -> Summary:
    """Mean and sample standard deviation of one value per run.

    None, or a value that is not finite, is a censored run. It is never dropped: there is no mean then. `bounds` says
    for every run how far it went, in the unit of the values; a censored run's value is at least that. `resolutions`
    says by how much a run's value may be too long at most.

    Raises:
        ValueError: values and bounds differ in length.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    censored = len(values) - len(known)
    wide = math.fsum(one for one in resolutions if one is not None) / len(values) if values else 0.0
    if censored or not values:
        lower = _lower(values, bounds) if censored else []
        mean = math.fsum(lower) / len(lower) if lower else None
        std = _sample_std(lower, mean) if mean is not None else None
        return Summary(None, None, len(values), censored, mean, std, wide or None)
    mean = math.fsum(known) / len(known)
    return Summary(mean, _sample_std(known, mean), len(known), resolution=wide or None)


def _lower(values: Sequence[float | None], bounds: Sequence[float | None] | None) -> list[float]:
    """The values, and for runs without one how far they went; [] where that is not known of all of these."""
    if bounds is None:
        return []
    lower = [
        value if value is not None and math.isfinite(value) else bound
        for value, bound in zip(values, bounds, strict=True)
    ]
    known = [bound for bound in lower if bound is not None and math.isfinite(bound)]
    return known if len(known) == len(lower) else []


def _sample_std(values: Sequence[float], mean: float) -> float | None:
    if len(values) < 2:
        return None
    if min(values) == max(values):  # which may differ from their mean by a rounding error, which is no spread
        return 0.0
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def judge_of(runs: Iterable[Record]) -> Judge:
    """Returns what runs of one table and network are judged by."""
    return next((run.judge for run in runs), ACCURACY)


def _bests(runs: Sequence[Record]) -> list[float]:
    tops = [best(run) for run in runs if run.status == "finished"]
    return [top.value for top in tops if top is not None]


def _seconds(record: Record, point: Evaluation) -> float:
    if record.clock not in point.metrics:
        raise ResultsError(f"{record.path}: epoch {point.epoch:g} has no {record.clock}; repeat the run with --fresh.")
    return point.metrics[record.clock]
