"""Computes a table's numbers from its runs' curves: targets, times to a target, means and standard deviations.

All are computed from records afterwards, so a target can change without new runs.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from results.errors import ResultsError
from results.records import Evaluation, Record
from results.records.spec import ACCURACY, Judge
from results.statistics.chance import Chance
from results.statistics.intervals import mean


@dataclass(frozen=True, slots=True)
class Reach:
    """A point of a run: seconds on the record's clock, and epochs."""

    seconds: float
    epochs: float


@dataclass(frozen=True, slots=True)
class Best:
    """A run's best value of the judge's metric, with seconds and epochs of the first evaluation that has it."""

    value: float
    seconds: float
    epochs: float


@dataclass(frozen=True, slots=True)
class Target:
    """A value to reach, and the row that sets it. left_out: rows without a finished run.

    near_chance: why it is no valid target, if runs that have learnt nothing may reach it; else "".
    """

    value: float
    row: str
    judge: Judge = ACCURACY
    left_out: tuple[str, ...] = ()
    near_chance: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and standard deviation of n runs.

    mean, std: of the sample (ddof = 1); std is None for one run, both are if runs are censored. censored: number of
    runs without a value. at_least: if runs are censored, a lower bound of the mean, in which a run counts with how far
    it went; None if that is unknown. at_least_std: standard deviation of these values. resolution: by how much the
    mean, or the bound, may be too high, since values were found at evaluations; None if exact.

    Example:
        `summary([1.0, 3.0])  # Summary(mean=2.0, std=1.414..., n=2)`
    """

    mean: float | None
    std: float | None
    n: int
    censored: int = 0
    at_least: float | None = None
    at_least_std: float | None = None
    resolution: float | None = None


def reach(record: Record, target: float) -> Reach | None:
    """Returns the first evaluation as good as the target; None if there is none (censored) or the run diverged."""
    if record.status == "diverged":
        return None
    for point in record.evaluations:
        if record.judge.reached(record.judge.of(point.metrics), target):
            return Reach(_seconds(record, point), point.epoch)
    return None


def best(record: Record) -> Best | None:
    """Returns the best value of the curve; None without a finite value. A diverged run keeps its best value."""
    return _best_by(record, record.judge, record.judge)


def best_validation(record: Record) -> Best | None:
    """Returns the best value on the validation split, if the run has one; else `best`."""
    return _best_by(record, record.monitor, record.monitor)


def at_best_validation(record: Record) -> Best | None:
    """Returns the test value of the first evaluation that is best by validation; None without a validation split."""
    if record.spec.workload.validation is None:
        return None
    return _best_by(record, record.monitor, record.judge)


def _best_by(record: Record, monitor: Judge, shown: Judge) -> Best | None:
    """Returns the `shown` value of the evaluation that is best by `monitor`; None if none has finite values of both."""
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
    """Returns seconds and epochs of the run's last evaluation: lower bounds of a censored time."""
    if not record.evaluations:
        return None
    last = record.evaluations[-1]
    return Reach(_seconds(record, last), last.epoch)


def since(record: Record, point: Reach | Best) -> Reach:
    """Returns seconds and epochs since the previous evaluation: a value may have been reached that much earlier."""
    before = [earlier for earlier in record.evaluations if earlier.epoch < point.epochs]
    if not before:
        return Reach(point.seconds, point.epochs)
    return Reach(point.seconds - _seconds(record, before[-1]), point.epochs - before[-1].epoch)


def worst_best(records_by_row: Mapping[str, Sequence[Record]]) -> Target:
    """Returns the paper's target: the best value of the worst row, rounded so that all its seeds reach it.

    The worst row is the one with the worst mean of its runs' best values. The target is the worst of these, rounded by
    the judge's digits (61.0 +- 0.17 % -> 60, 87.8 +- 0.09 -> 87; 1.874 nats -> 1.88).

    Runs that diverged or have not ended are left out: a method that diverges must not lower everybody's target. Rows
    without any other run are named in `left_out`, which is to be shown with the target; they are measured against it
    like the others.

    Raises:
        ResultsError: no run of any row has finished.
    """
    per_row = {row: _bests(runs) for row, runs in records_by_row.items()}
    taking_part = {row: values for row, values in per_row.items() if values}
    if not taking_part:
        raise ResultsError("No run has finished, so that there is no target; look at the runs' journals, or set one.")
    judge = judge_of(run for runs in records_by_row.values() for run in runs)
    row = min(taking_part, key=lambda name: judge.rank(mean(taking_part[name])))
    value = judge.lenient(min(taking_part[row], key=judge.rank))
    return Target(value, row, judge, tuple(name for name in per_row if name not in taking_part))


def paper_target(records_by_row: Mapping[str, Sequence[Record]], paper_rows: Container[str]) -> Target | None:
    """Returns `worst_best` of the paper's rows, so that no variant, baseline or plug-in moves the target.

    If none of these rows has runs, all rows take part. None if no run of the rows that take part has finished.
    """
    paper_runs = {row: runs for row, runs in records_by_row.items() if row in paper_rows and runs}
    per_row = paper_runs or records_by_row
    return worst_best(per_row) if any(_bests(runs) for runs in per_row.values()) else None


def against_chance(target: Target, records_by_row: Mapping[str, Sequence[Record]], chance: Chance | None) -> Target:
    """Returns the target, marked as no valid one (`near_chance`) if runs that have learnt nothing may reach it.

    The finished runs of the row that sets it decide; without any, the target value itself counts as one run's best.
    chance: None if unknown.
    """
    finished = [run for run in records_by_row.get(target.row, ()) if run.status == "finished"]
    runs = finished or [run for row_runs in records_by_row.values() for run in row_runs]
    evaluations = max([1, *(len(run.evaluations) for run in runs)])
    if chance is None or not chance.near(_bests(finished) or [target.value], evaluations):
        return target
    tried = f"{chance.samples:,} test samples, {evaluations} evaluations a run"
    reached = f"{target.judge.with_unit(target.value)} may be reached without learning"
    return replace(target, near_chance=f"no target: {reached}; {chance.description} ({tried})")


def learnt_nothing(record: Record, chance: Chance | None) -> bool:
    """Whether the run's best may be that of a network that has learnt nothing. chance: None if unknown."""
    top = best(record)
    return chance is not None and top is not None and chance.near([top.value], len(record.evaluations))


def summary(
    values: Sequence[float | None],
    bounds: Sequence[float | None] | None = None,
    resolutions: Sequence[float | None] = (),
) -> Summary:
    """Returns mean and sample standard deviation of one value per run.

    Args:
        values: None or a value that is not finite stands for a censored run; then there is no mean.
        bounds: how far each run went, in the unit of the values: a lower bound of a censored run's value.
        resolutions: by how much each run's value may be too high.

    Raises:
        ValueError: values and bounds differ in length.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    censored = len(values) - len(finite)
    resolution = math.fsum(width for width in resolutions if width is not None) / len(values) if values else 0.0
    if censored or not values:
        lower = _lower(values, bounds) if censored else []
        at_least = mean(lower) if lower else None
        return Summary(None, None, len(values), censored, at_least, _sample_std(lower), resolution or None)
    return Summary(mean(finite), _sample_std(finite), len(finite), resolution=resolution or None)


def _lower(values: Sequence[float | None], bounds: Sequence[float | None] | None) -> list[float]:
    """Returns the values with missing ones replaced by bounds; [] if one of these bounds is unknown."""
    if bounds is None:
        return []
    lower = [
        value if value is not None and math.isfinite(value) else bound
        for value, bound in zip(values, bounds, strict=True)
    ]
    finite = [bound for bound in lower if bound is not None and math.isfinite(bound)]
    return finite if len(finite) == len(lower) else []


def _sample_std(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def judge_of(runs: Iterable[Record]) -> Judge:
    """Returns the judge of runs of one table and network: the first run's."""
    return next((run.judge for run in runs), ACCURACY)


def _bests(runs: Sequence[Record]) -> list[float]:
    tops = [best(run) for run in runs if run.status == "finished"]
    return [top.value for top in tops if top is not None]


def _seconds(record: Record, point: Evaluation) -> float:
    if record.clock not in point.metrics:
        raise ResultsError(f"{record.path}: epoch {point.epoch:g} has no {record.clock}; repeat the run with --fresh.")
    return point.metrics[record.clock]
