"""Compares runs at equal samples, seconds and bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from results.records import Evaluation, Record

Budget = Literal["samples", "seconds", "bytes"]
BUDGETS: tuple[Budget, ...] = ("samples", "seconds", "bytes")
SENT = "sent_bytes"
"""Metric of an evaluation that counts the bytes sent between devices until then."""
_ROUNDING = 1e-9


def used(record: Record, point: Evaluation, budget: Budget) -> float | None:
    """Returns how much of a budget the run had used by an evaluation; None if it was not counted."""
    match budget:
        case "samples":
            batch = record.spec.workload.document().get("batch")
            return point.step * float(batch) if isinstance(batch, int) else None
        case "seconds":
            return point.metrics.get(record.clock)
    return point.metrics.get(SENT)


def smallest(records: Iterable[Record]) -> Mapping[Budget, tuple[float, str]]:
    """Returns the smallest total use of each budget by a finished run, and its row; runs that use none are ignored."""
    ends = [
        (record, record.evaluations[-1]) for record in records if record.status == "finished" and record.evaluations
    ]
    totals_by_budget: dict[Budget, tuple[float, str]] = {}
    for budget in BUDGETS:
        totals = [(size, record.row) for record, last in ends if (size := used(record, last, budget))]
        if totals:
            totals_by_budget[budget] = min(totals)
    return totals_by_budget


def value_at(record: Record, budget: Budget, most: float) -> float | None:
    """Returns the judge's metric at the run's last evaluation that used at most `most` of a budget.

    None if no evaluation is that early, or use was not counted.
    """
    uses = [(point, used(record, point, budget)) for point in record.evaluations]
    points = [point for point, size in uses if size is not None and size <= most * (1 + _ROUNDING)]
    return record.judge.of(points[-1].metrics) if points else None
