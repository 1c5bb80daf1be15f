"""Computes a table's numbers from its runs' curves: targets, times to a target, means and standard deviations.

All are computed from the records afterwards: a target can change without a new run.
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
    """A point of a run: seconds on the record's clock, and epochs."""

    seconds: float
    epochs: float


@dataclass(frozen=True, slots=True)
class Best:
    """A run's best value of its judge's metric, with the seconds and epochs of its first evaluation."""

    value: float
    seconds: float
    epochs: float


@dataclass(frozen=True, slots=True)
class Target:
    """A value to reach, and the row that sets it. left_out: rows of which no run has finished.

    near_chance: why it is no target, where runs that have learnt nothing may reach it; else "".
    """

    value: float
    row: str
    judge: Judge = ACCURACY
    left_out: tuple[str, ...] = ()
    near_chance: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and standard deviation of n runs.

    mean, std: of the sample (ddof = 1); std is None for one run, both where runs are censored. censored: runs without a
    value. at_least: where runs are censored, a lower bound of the mean: how far a run went stands for its value; None
    where that is unknown. at_least_std: the standard deviation of those values. resolution: how much too high the mean,
    or the bound, may be, since values were found at evaluations; None: it is exact.

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
    """The first evaluation as good as the target; None if there is none (censored), or the run diverged."""
    if record.status == "diverged":
        return None
    for point in record.evaluations:
        if record.judge.reached(record.judge.of(point.metrics), target):
            return Reach(_seconds(record, point), point.epoch)
    return None


def best(record: Record) -> Best | None:
    """The best value of the curve; None if no evaluation has a finite one. A diverged run keeps its best value."""
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
    """Seconds and epochs of the run's last evaluation: lower bounds of a censored time."""
    if not record.evaluations:
        return None
    last = record.evaluations[-1]
    return Reach(_seconds(record, last), last.epoch)


def since(record: Record, point: Reach | Best) -> Reach:
    """Seconds and epochs from the evaluation before: a value may have been reached up to so much earlier."""
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

    Args:
        values: None, or a value that is not finite, is a censored run. Then there is no mean.
        bounds: how far each run went, in the unit of the values: a lower bound of a censored run's value.
        resolutions: how much too high each run's value may be.

    Raises:
        ValueError: values and bounds differ in length.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    censored = len(values) - len(known)
    wide = math.fsum(width for width in resolutions if width is not None) / len(values) if values else 0.0
    if censored or not values:
        lower = _lower(values, bounds) if censored else []
        mean = math.fsum(lower) / len(lower) if lower else None
        std = _sample_std(lower, mean) if mean is not None else None
        return Summary(None, None, len(values), censored, mean, std, wide or None)
    mean = math.fsum(known) / len(known)
    return Summary(mean, _sample_std(known, mean), len(known), resolution=wide or None)


def _lower(values: Sequence[float | None], bounds: Sequence[float | None] | None) -> list[float]:
    """The values, with bounds in the place of missing ones; [] where one of these is unknown."""
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
    if min(values) == max(values):  # their mean may differ from them by a rounding error
        return 0.0
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def judge_of(runs: Iterable[Record]) -> Judge:
    """The judge of runs of one table and network: the first run's."""
    return next((run.judge for run in runs), ACCURACY)


def _bests(runs: Sequence[Record]) -> list[float]:
    tops = [best(run) for run in runs if run.status == "finished"]
    return [top.value for top in tops if top is not None]


def _seconds(record: Record, point: Evaluation) -> float:
    if record.clock not in point.metrics:
        raise ResultsError(f"{record.path}: epoch {point.epoch:g} has no {record.clock}; repeat the run with --fresh.")
    return point.metrics[record.clock]
