"""Compares runs at equal samples, seconds and bytes: what they have used up, and how far each came with as much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from results.records import Evaluation, Record

Budget = Literal["samples", "seconds", "bytes"]
BUDGETS: tuple[Budget, ...] = ("samples", "seconds", "bytes")
SENT = "sent_bytes"
"""The metric of an evaluation that says what was sent between devices until then."""
_ROUNDING = 1e-9


def used(record: Record, point: Evaluation, what: Budget) -> float | None:
    """Returns what the run has used up at an evaluation; None where it was not counted."""
    match what:
        case "samples":
            batch = record.spec.workload.document().get("batch")
            return point.step * float(batch) if isinstance(batch, int) else None
        case "seconds":
            return point.metrics.get(record.clock)
    return point.metrics.get(SENT)


def smallest(records: Iterable[Record]) -> Mapping[Budget, tuple[float, str]]:
    """The smallest total of each among runs that finished, and its row; runs that use nothing of it set none."""
    ends = [
        (record, record.evaluations[-1]) for record in records if record.status == "finished" and record.evaluations
    ]
    found: dict[Budget, tuple[float, str]] = {}
    for what in BUDGETS:
        totals = [(size, record.row) for record, last in ends if (size := used(record, last, what))]
        if totals:
            found[what] = min(totals)
    return found


def value_at(record: Record, what: Budget, most: float) -> float | None:
    """Returns what the run is judged by, at its last evaluation before it had used up more than `most`.

    None where it has none that early, or where it was not counted.
    """
    within = [(point, used(record, point, what)) for point in record.evaluations]
    points = [point for point, size in within if size is not None and size <= most * (1 + _ROUNDING)]
    return record.judge.of(points[-1].metrics) if points else None
