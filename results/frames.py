"""Records as tidy pandas frames: one row per run, per run and epoch, or per run and layer.

Text is "" and a number NaN where a run has none; `inf` and `nan` that were measured stay what they are. The columns
stand in one order whatever the records hold; a metric that only some runs have comes after those that all have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from results.measures import Measure, of_runs
from results.records import Record
from results.records.identity import checkout, known_flag
from results.records.spec import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame

_SUBJECT = {
    "id": "string",
    "family": "string",
    "network": "string",
    "row": "string",
    "method": "string",
    "seed": "int64",
    "scale": "string",
    "executor": "string",
    "hardware": "string",
    "device": "string",
    "data": "string",
    "data_sha256": "string",
    "torch": "string",
    "commit": "string",
    "status": "string",
}
"""Columns of every frame: the run and the conditions under which it was made."""
RUNS = _SUBJECT | {
    "method_title": "string",
    "network_label": "string",
    "dataset": "string",
    "devices": "string",
    "clock": "string",
    "epochs": "float64",
    "steps": "int64",
    "epochs_planned": "float64",
    "early_stopped": "bool",
    "run_wall_seconds": "float64",
    "reason": "string",
    "python": "string",
    "cpu": "string",
    "gpu": "string",
    "cores": "float64",
    "modified": "boolean",
    "started": "string",
    "ended": "string",
    "numerics": "Int64",
    "sources": "string",
    "options": "string",
    "spec": "string",
}
"""The columns of `runs` and their dtypes; the measures and `final_<metric>` of the last evaluation, float64, follow.

Measures are on the run's clock (`clock` names its metric), `run_wall_seconds` is what it took with evaluation;
`options` and `spec` are JSON; `started` and `ended` are ISO 8601, UTC.
"""
EVALUATIONS = _SUBJECT | {"epoch": "float64", "step": "int64"}
"""The columns of `evaluations` and their dtypes; the metrics, float64, follow. An epoch may be a share of one."""
STALENESS = _SUBJECT | {
    "layer": "string",
    "updates": "float64",
    "seconds": "float64",
    "wait_seconds": "float64",
    "reads": "float64",
    "lost_updates": "float64",
    "overlapping_updates": "float64",
    "weight_reads": "float64",
    "torn_reads": "float64",
    "overlapping_reads": "float64",
}
"""The columns of `staleness`: means over a run's reads of a layer, in updates and in seconds of the run's clock.

From `lost_updates` on they are counts of the last epoch, of which runs of earlier versions have none
(benchmarks.executors.counts.LayerConflicts says what each is).
"""


def runs(records: Iterable[Record]) -> DataFrame:
    """One row per run, incomplete ones too, with the columns of RUNS, the measures and the last metrics.

    Units stand in the columns' names: `_seconds` are of the run's clock, `_percent` from 0 to 100.

    Raises:
        ResultsError: an evaluation lacks the run's clock.

    Example:
        `runs(records).groupby("row")["best_accuracy_percent"].mean()`
    """
    found = list(records)
    numbers = [*(measure.key for measure in measures()), *(f"final_{name}" for name in _metrics(found))]
    return _frame((_run(record) for record in found), RUNS, numbers)


def evaluations(records: Iterable[Record]) -> DataFrame:
    """One row per run and evaluation, with the columns of EVALUATIONS and every metric. Raises as `runs`."""
    found = list(records)
    return _frame((row for record in found for row in _curve(record)), EVALUATIONS, _metrics(found))


def staleness(records: Iterable[Record]) -> DataFrame:
    """One row per run and layer, with the columns of STALENESS, for runs that ended."""
    return _frame((row for record in records for row in _layers(record)), STALENESS, ())


def measures() -> list[Measure]:
    """Measures that need no target, budget or other runs."""
    return [measure for measure in of_runs() if not measure.needs]


def _frame(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], metrics: Iterable[str]) -> DataFrame:
    import pandas as pd

    dtypes = {**columns, **dict.fromkeys(metrics, "float64")}
    return pd.DataFrame(list(rows), columns=list(dtypes)).astype(dtypes)


def _metrics(records: Sequence[Record]) -> list[str]:
    there = {name for record in records for point in record.evaluations for name in point.metrics}
    return [*METRICS, *sorted(there - set(METRICS))]


def _subject(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "family": _text(record.family),
        "network": _text(record.network),
        "row": _text(record.row),
        "method": _text(record.method),
        "seed": record.seed,
        "scale": _text(record.scale),
        "executor": _text(record.spec.executor),
        "hardware": _text(hardware(record)),
        "device": _text(record.spec.device),
        "data": _text(record.labels.data_label or record.spec.workload.dataset),
        "data_sha256": _text(record.spec.workload.dataset_sha256),
        "torch": _text(torch(record)),
        "commit": _text(record.environment.get("commit")),
        "status": record.status,
    }


def _run(record: Record) -> dict[str, Any]:
    end, environment = record.end or {}, record.environment
    return {
        **_subject(record),
        **_labels(record),
        **_outcome(record),
        "early_stopped": bool(end.get("early_stopped", False)),
        "run_wall_seconds": end.get("wall_seconds"),
        "reason": _text(end.get("reason")),
        "ended": _text(end.get("ended")),
        "cores": environment.get("cores"),
        "gpu": _text(record.spec.gpu),
        "modified": known_flag(environment.get("modified")),
        **{name: _text(environment.get(name)) for name in ("python", "cpu")},
        "started": _text(record.started),
        "numerics": record.spec.numerics,
        "sources": _text(record.spec.sources),
        "options": _json(record.spec.method.options),
        "spec": _json(record.spec.document()),
    }


def _labels(record: Record) -> dict[str, Any]:
    workload, labels = record.spec.workload, record.labels
    return {
        **{name: _text(getattr(labels, name)) for name in ("method_title", "network_label", "devices")},
        "dataset": _text(workload.dataset),
        "clock": record.clock,
        "epochs_planned": workload.epochs,
    }


def _outcome(record: Record) -> dict[str, Any]:
    last = record.evaluations[-1] if record.evaluations else None
    return {
        "epochs": last.epoch if last else 0,
        "steps": last.step if last else 0,
        **{measure.key: measure.of(record) for measure in measures()},
        **{f"final_{name}": value for name, value in (last.metrics if last else {}).items()},
    }


def _curve(record: Record) -> Iterator[dict[str, Any]]:
    subject = _subject(record)
    for point in record.evaluations:
        yield {**subject, "epoch": point.epoch, "step": point.step, **point.metrics}


def _layers(record: Record) -> Iterator[dict[str, Any]]:
    subject = _subject(record)
    for layer in (record.end or {}).get("staleness") or ():
        numbers = {name: layer.get(name) for name in STALENESS.keys() - _SUBJECT.keys() - {"layer"}}
        yield {**subject, "layer": _text(layer.get("layer")), **numbers}


def hardware(record: Record) -> str:
    """Name of the hardware profile, or of the machine in real time."""
    return record.spec.hardware.name


def card(record: Record) -> str:
    """Name of the hardware, and the first digits of its digest where it is a profile."""
    digest = record.spec.hardware.sha256
    return f"{hardware(record)} ({digest[:8]})" if digest else hardware(record)


def torch(record: Record) -> str:
    """Release of torch that made the run."""
    return str((record.environment.get("packages") or {}).get("torch") or record.spec.torch)


def commit(record: Record) -> str:
    """Commit that made the run; "" where unknown."""
    return checkout(record.environment.get("commit"), record.environment.get("modified"))


def _text(value: Any) -> str:
    """The value as text that a file can hold: names of users may have bytes that are no text."""
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
