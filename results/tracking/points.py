"""Turns metrics of tracked runs into points: curves over epochs, outcomes, and summaries of a group's seeds."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

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
"""Metrics that MLflow's pages show first."""
REST = "system/"
"""Prefix of all other metrics; MLflow shows charts of this prefix last."""
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value of a metric. step: the epoch, or the evaluation's number if an epoch has several."""

    key: str
    value: float
    timestamp_ms: int
    step: int = 0


@cache
def metric_key(name: str) -> str:
    """Returns MLflow's name of a metric: unchanged if it is in FIRST or has a prefix, else with the prefix REST."""
    return safe(name if name in FIRST or "/" in name else f"{REST}{name}")


def summary_points(
    values: Mapping[str, Summary],
    timestamp_ms: int,
    steps: Mapping[str, int] | None = None,
    judge: Judge = ACCURACY,
) -> list[MetricPoint]:
    """Returns points of means and standard deviations, or of lower bounds where there is no mean.

    Metrics of FIRST come last, and the judge's at the very end: MLflow's compare page opens on the last written one.

    Args:
        steps: of means that end a curve, by MLflow's name; 0 for all others.
    """
    first = list(dict.fromkeys((judge.metric, best_measure(judge).key, *FIRST)))
    points = []
    for name, value in values.items():
        if value.mean is not None:
            key = metric_key(name)
            points.append(MetricPoint(key, value.mean, timestamp_ms, (steps or {}).get(key, 0)))
        elif value.at_least is not None:
            points.append(MetricPoint(metric_key(f"{name}_at_least"), value.at_least, timestamp_ms))
        if value.std is not None:
            points.append(MetricPoint(metric_key(f"{name}_std"), value.std, timestamp_ms))
    return sorted(points, key=lambda point: -first.index(point.key) if point.key in first else -len(first))


def curve(record: Record, start_ms: int) -> Iterator[MetricPoint]:
    """Yields every evaluation's metrics, clocks included, at its step and time of day."""
    for number, point in enumerate(record.evaluations):
        wall = point.metrics.get("wall_seconds", float(number))
        at = start_ms + round(1000 * wall) if math.isfinite(wall) else start_ms
        for name, value in point.metrics.items():
            yield MetricPoint(metric_key(name), value, at, _step(record, point))


def mean_curves(records: Sequence[Record], timestamp_ms: int) -> Iterator[MetricPoint]:
    """Yields the metrics' means over the seeds, evaluation by evaluation as far as all seeds went.

    The last evaluation is left out: summaries, which use each seed's own last one, take its place.
    """
    for points in zip(*(record.evaluations for record in records), strict=False):
        step = _step(records[0], points[0])
        if step < last_step(records):
            for name in points[0].metrics:
                values = [point.metrics[name] for point in points if name in point.metrics]
                if len(values) == len(records):
                    yield MetricPoint(metric_key(name), math.fsum(values) / len(values), timestamp_ms, step)


def last_step(records: Iterable[Record]) -> int:
    """Largest step of any run; 0 without evaluations."""
    return max((_step(record, point) for record in records for point in record.evaluations[-1:]), default=0)


def _step(record: Record, point: Evaluation) -> int:
    """Step of an evaluation: a whole number, as MLflow requires."""
    return round(point.epoch * record.spec.workload.evaluate_every.denominator)


def outcome(record: Record, end_ms: int, context: Context = ALONE) -> list[MetricPoint]:
    """Returns the run's measures and its layers' staleness, at the last step."""
    step = last_step([record])
    curves = record.evaluations[-1].metrics if record.evaluations else {}  # these have their last values already
    measured = {measure.key: measure.of(record, context) for measure in of_runs() if measure.key not in curves}
    values = {key: value for key, value in measured.items() if value is not None}
    for layer in (record.end or {}).get("staleness", ()):
        numbers = {name: value for name, value in layer.items() if isinstance(value, int | float)}
        values |= {f"staleness/{layer.get('layer')}/{name}": float(value) for name, value in numbers.items()}
    return [MetricPoint(metric_key(name), value, end_ms, step) for name, value in values.items()]


def finite(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """Drops points that are not finite: MLflow stores inf as 1.8e308, which spoils its charts."""
    return [point for point in points if math.isfinite(point.value)]


def not_finite(record: Record) -> list[str]:
    """Names the metrics and outcomes with a value that is not finite."""
    points = [*curve(record, 0), *outcome(record, 0)]
    return list(dict.fromkeys(point.key for point in points if not math.isfinite(point.value)))


def safe(name: str) -> str:
    """Returns the name as a valid key for MLflow: at most 250 characters, forbidden ones replaced by underscores."""
    key = _FORBIDDEN.sub("_", name)[:250] or "_"
    # Keys with slashes have to be relative paths in their shortest form, without "..".
    if posixpath.normpath(key) != key or key.startswith(("../", "/")):
        key = key.replace("/", "_")
    return f"_{key[1:]}" if key == "." or key.startswith("..") else key
