"""A tracked run's metrics as points: its curves over the epochs, its outcome, and the summaries of a group's seeds."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from results.measures import ALONE, Context, best_measure, of_runs
from results.records import Evaluation, Record
from results.records.spec import ACCURACY, Judge
from results.statistics import Summary

FIRST = (
    "accuracy_percent",
    "best_accuracy_percent",
    "best_loss",
    "accuracy_at_best_validation_percent",
    "loss_at_best_validation",
    "validation_accuracy_percent",
    "validation_loss",
    "time_to_target_seconds",
    "epochs_to_target",
    "seconds_per_epoch",
    "relative_speedup",
    "train_time_seconds",
    "loss",
)
"""The metrics that one looks at first."""
REST = "system/"
"""Before all others: of all prefixes the only one whose charts MLflow shows last, by themselves."""
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value of a metric; the step is an epoch, or an evaluation where there are several in each."""

    key: str
    value: float
    timestamp_ms: int
    step: int = 0


def metric_key(name: str) -> str:
    """The name that MLflow has a metric under: its own if that is of FIRST or has a prefix, else one after REST."""
    return safe(name if name in FIRST or "/" in name else f"{REST}{name}")


def summary_points(
    values: Mapping[str, Summary],
    timestamp_ms: int,
    steps: Mapping[str, int] | None = None,
    judge: Judge = ACCURACY,
) -> list[MetricPoint]:
    """Mean and standard deviation, or how far those went that have none. steps: of the means that end a curve.

    Those of FIRST come last, and at the end what runs are judged by: MLflow's compare page opens on what was written
    last.
    """
    first = list(dict.fromkeys((judge.metric, best_measure(judge).key, *FIRST)))
    points = []
    for name, value in values.items():
        if value.mean is not None:
            points.append(
                MetricPoint(metric_key(name), value.mean, timestamp_ms, (steps or {}).get(metric_key(name), 0))
            )
        elif value.at_least is not None:
            points.append(MetricPoint(metric_key(f"{name}_at_least"), value.at_least, timestamp_ms))
        if value.std is not None:
            points.append(MetricPoint(metric_key(f"{name}_std"), value.std, timestamp_ms))
    return sorted(points, key=lambda point: -first.index(point.key) if point.key in first else -len(first))


def curve(record: Record, start_ms: int) -> Iterator[MetricPoint]:
    """Every evaluation's metrics, the clocks among them, at its epoch and its time of day."""
    names: dict[str, str] = {}
    for number, point in enumerate(record.evaluations):
        wall = point.metrics.get("wall_seconds", float(number))
        at = start_ms + round(1000 * wall) if math.isfinite(wall) else start_ms
        for name, value in point.metrics.items():
            yield MetricPoint(
                names.get(name) or names.setdefault(name, metric_key(name)), value, at, _step(record, point)
            )


def mean_curves(records: Sequence[Record], timestamp_ms: int) -> Iterator[MetricPoint]:
    """The metrics' means over the seeds, evaluation by evaluation as far as all of them went.

    The last one is left out: there the summaries stand, which count every seed with its own last one.
    """
    for points in zip(*(record.evaluations for record in records), strict=False):
        step = _step(records[0], points[0])
        if step < last_step(records):
            for name in points[0].metrics:
                values = [point.metrics[name] for point in points if name in point.metrics]
                if len(values) == len(records):
                    yield MetricPoint(metric_key(name), math.fsum(values) / len(values), timestamp_ms, step)


def last_step(records: Iterable[Record]) -> int:
    """The last one that any of the runs came to; 0 without one."""
    return max((_step(record, point) for record in records for point in record.evaluations[-1:]), default=0)


def _step(record: Record, point: Evaluation) -> int:
    """MLflow's are whole numbers."""
    return round(point.epoch * record.spec.workload.evaluate_every.denominator)


def outcome(record: Record, end_ms: int, given: Context = ALONE) -> list[MetricPoint]:
    """The run's measures and its layers' staleness, at the last step; the curves' charts come before these."""
    step = last_step([record])
    curves = record.evaluations[-1].metrics if record.evaluations else {}  # their last points say their measures
    found = {measure.key: measure.of(record, given) for measure in of_runs() if measure.key not in curves}
    values = {key: value for key, value in found.items() if value is not None}
    for layer in (record.end or {}).get("staleness", ()):
        numbers = {name: value for name, value in layer.items() if isinstance(value, int | float)}
        values |= {f"staleness/{layer.get('layer')}/{name}": float(value) for name, value in numbers.items()}
    return [MetricPoint(metric_key(name), value, end_ms, step) for name, value in values.items()]


def finite(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """The points that can be tracked."""
    # MLflow stores inf as 1.8e308, which wrecks its charts: what is not finite stays in the journal only.
    return [point for point in points if math.isfinite(point.value)]


def not_finite(record: Record) -> list[str]:
    """The names of the metrics, and of the outcomes, that are somewhere not finite."""
    curves = (item for point in record.evaluations for item in point.metrics.items())
    outcomes = ((point.key, point.value) for point in outcome(record, 0))
    keys = [metric_key(name) for name, value in curves if not math.isfinite(value)]
    return list(dict.fromkeys([*keys, *(name for name, value in outcomes if not math.isfinite(value))]))


def safe(name: str) -> str:
    """The name with what MLflow forbids in keys replaced by underscores, at most 250 characters long."""
    kept = _FORBIDDEN.sub("_", name)[:250] or "_"
    # Keys with slashes have to be paths in their shortest form: no "..", nothing empty, nothing absolute.
    if posixpath.normpath(kept) != kept or kept.startswith(("../", "/")):
        kept = kept.replace("/", "_")
    return f"_{kept[1:]}" if kept == "." or kept.startswith("..") else kept
