"""Turns records into tidy pandas frames: one row per run, per run and evaluation, or per run and layer.

A missing text is "", a missing number NaN; `inf` and `nan` that were measured are kept. The order of columns does not
depend on the records: metrics that only some runs have come last.
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
"""Columns of every frame: the run and its conditions."""
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
"""Columns of `runs` and their dtypes; measures and `final_<metric>` of the last evaluation follow as float64.

Measures are on the run's clock, whose metric `clock` names; `run_wall_seconds` includes evaluation. `options` and
`spec` are JSON; `started` and `ended` are ISO 8601, UTC.
"""
EVALUATIONS = _SUBJECT | {"epoch": "float64", "step": "int64"}
"""Columns of `evaluations` and their dtypes; metrics follow as float64. An epoch may be a fraction."""
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
"""Columns of `staleness`: means over a run's reads of a layer, in updates and in seconds of the run's clock.

Columns from `lost_updates` on are counts of the last epoch (benchmarks.executors.counts.LayerConflicts explains them);
runs of earlier versions have none.
"""


def runs(records: Iterable[Record]) -> DataFrame:
    """Returns one row per run, incomplete ones included, with the columns of RUNS, the measures and the last metrics.

    Column names end in their units: `_seconds` on the run's clock, `_percent` from 0 to 100.

    Raises:
        ResultsError: an evaluation lacks the run's clock.

    Example:
        `runs(records).groupby("row")["best_accuracy_percent"].mean()`
    """
    records = list(records)
    numbers = [*(measure.key for measure in measures()), *(f"final_{name}" for name in _metrics(records))]
    return _frame((_run(record) for record in records), RUNS, numbers)


def evaluations(records: Iterable[Record]) -> DataFrame:
    """Returns one row per run and evaluation, with the columns of EVALUATIONS and every metric. Raises as `runs`."""
    records = list(records)
    return _frame((row for record in records for row in _curve(record)), EVALUATIONS, _metrics(records))


def staleness(records: Iterable[Record]) -> DataFrame:
    """Returns one row per run and layer, with the columns of STALENESS, for runs that ended."""
    return _frame((row for record in records for row in _layers(record)), STALENESS, ())


def measures() -> list[Measure]:
    """Returns the measures that need no target, budget or other runs."""
    return [measure for measure in of_runs() if not measure.needs]


def _frame(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], metrics: Iterable[str]) -> DataFrame:
    import pandas as pd

    dtypes = {**columns, **dict.fromkeys(metrics, "float64")}
    return pd.DataFrame(list(rows), columns=list(dtypes)).astype(dtypes)


def _metrics(records: Sequence[Record]) -> list[str]:
    names = {name for record in records for point in record.evaluations for name in point.metrics}
    return [*METRICS, *sorted(names - set(METRICS))]


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
        "hardware": _text(record.spec.hardware.name),
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


def card(record: Record) -> str:
    """Name of the hardware, with the first digits of its digest for a hardware profile."""
    hardware = record.spec.hardware
    return f"{hardware.name} ({hardware.sha256[:8]})" if hardware.sha256 else hardware.name


def torch(record: Record) -> str:
    """Version of torch that trained the run."""
    return str((record.environment.get("packages") or {}).get("torch") or record.spec.torch)


def commit(record: Record) -> str:
    """Commit that trained the run; "" if unknown."""
    return checkout(record.environment.get("commit"), record.environment.get("modified"))


def _text(value: Any) -> str:
    """Text of a value; bytes that are no valid text, as in some user names, are escaped."""
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
