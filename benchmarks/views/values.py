"""The measured value of a cell, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from benchmarks.views.sheets import Sheet
from results import published, statistics
from results.records import Record
from results.statistics import Summary

TARGET = "target_percent"


def measured(sheet: Sheet) -> dict[tuple[str, str, str], Summary]:
    """(network, row, measure) -> what was measured, for tracking; a table's target stands under the row "*"."""
    found = {}
    for network in sheet.networks:
        target = sheet.target_of(network)
        if target is not None and "time_to_target_seconds" in sheet.table.measures:
            found[network, published.ANY_ROW, TARGET] = Summary(target.percent, None, 0)
        for row in sheet.rows:
            for measure in sheet.table.measures:
                value, _ = measure_of(sheet, network, row.key, measure, target)
                if value is not None:
                    found[network, row.key, measure] = value
    return found


def measure_of(
    sheet: Sheet, network: str, row: str, measure: str, target: statistics.Target | None
) -> tuple[Summary | None, str]:
    """The value, or why there is none."""
    records = sheet.complete(network, row)
    if not records:
        return None, incidents(sheet.of(network, row)) or "not run"
    if measure in ("time_to_target_seconds", "epochs_to_target"):
        if target is None:
            return None, incidents(records) or "no target: no run of this network finished"
        return statistics.reached(records, target.percent)[measure == "epochs_to_target"], ""
    if measure == "relative_speedup":
        return _speedup(records, sheet.complete(network, "bp"))
    if measure in LAST:
        return statistics.summary([_last(record, LAST[measure]) for record in records]), ""
    if measure in OF_A_RUN:
        values = [OF_A_RUN[measure](record) for record in records]
        return statistics.summary(values), "" if any(values) else NO_PEAK
    tops = [statistics.best(record) for record in records]
    field = {"best_accuracy_percent": "accuracy_percent", "time_to_best_seconds": "seconds"}.get(measure, "epochs")
    return statistics.summary([getattr(top, field) if top else None for top in tops]), ""


NO_PEAK = "no peak was known when it ran: a hardware card states it, `python -m benchmarks calibrate` measures it"


# Measures that are a metric of the last evaluation.
LAST = {
    "train_accuracy_percent": "train_accuracy_percent",
    "train_loss": "train_loss",
    "test_accuracy_percent": "accuracy_percent",
    "test_loss": "loss",
}


def _last(record: Record, metric: str) -> float | None:
    value = record.evaluations[-1].metrics.get(metric) if record.evaluations else None
    return value if value is not None and math.isfinite(value) else None


def _training_seconds(record: Record) -> float | None:
    return record.evaluations[-1].metrics[record.clock] if record.evaluations else None


def _seconds_per_epoch(record: Record) -> float | None:
    seconds = _training_seconds(record)
    return seconds / record.evaluations[-1].epoch if seconds is not None else None


def _utilisation(record: Record) -> float | None:
    """Model FLOPs per second over the devices' peak, in percent."""
    flops, peak = (record.end or {}).get("step_flops"), record.labels.peak_flops_per_second
    seconds = seconds_per_batch(record)
    if not (flops and peak and seconds):
        return None
    return float(100 * flops / seconds / (peak * record.labels.device_count))


OF_A_RUN: dict[str, Callable[[Record], float | None]] = {
    "train_time_seconds": _training_seconds,
    "seconds_per_epoch": _seconds_per_epoch,
    "model_flops_utilisation_percent": _utilisation,
}


def _speedup(records: Sequence[Record], baseline: Sequence[Record]) -> tuple[Summary | None, str]:
    """Seconds per batch of BP over those of the method, seed by seed."""
    base = {record.seed: seconds_per_batch(record) for record in baseline}
    pairs = [(base.get(record.seed), seconds_per_batch(record)) for record in records]
    if not all(ours and theirs for theirs, ours in pairs):
        return None, "no BP run of the same seed to compare with"
    return statistics.summary([theirs / ours for theirs, ours in pairs if theirs and ours]), ""


def seconds_per_batch(record: Record) -> float | None:
    """On the record's clock. Per batch, since methods drop different remainders of an epoch."""
    if not record.evaluations:
        return None
    last = record.evaluations[-1]
    return last.metrics[record.clock] / last.step


def incidents(records: Sequence[Record]) -> str:
    bad = [record for record in records if record.status != "finished"]
    words = dict.fromkeys(
        f"{record.status}: {record.end.get('reason', '')}" if record.end else record.status for record in bad
    )
    return f"{len(bad)} of {len(records)} runs " + "; ".join(words) if bad else ""
