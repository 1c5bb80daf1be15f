"""The learning rate of a row: the schedule's, scaled by devices and batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.runner.resolve import row_method, row_workload
from benchmarks.runner.training import Training
from benchmarks.tables.definition import Row
from benchmarks.tables.registry import IDS, table
from benchmarks.workloads.workload import SCALES

PAPER_B = [id for id in IDS if id.startswith("lap-")]


def rate(id: str, row: Row, epochs: float, scale: str = "paper") -> float:
    """Returns the rate on the table's first network, after so many epochs."""
    rows_table = table(id)
    run = SimpleNamespace(
        work=row_workload(rows_table, rows_table.networks[0], row, scale, {}), method=row_method(rows_table, row, {})
    )
    return float(cast(Any, Training.learning_rate)(run, epochs))


def row(id: str, key: str) -> Row:
    return next(row for row in table(id).rows if row.key == key)


@pytest.mark.parametrize(("devices", "warmed_up"), [(2, 0.1), (4, 0.2), (8, 0.4)])
def test_wide_resnets_rate_is_that_of_the_scripts(devices: int, warmed_up: float) -> None:
    """0.4 on 8 devices at batch 64, warmed up from 0.05, also for LPP-SGD."""
    for key in (f"lapsgd@devices={devices},updaters=4,batch=64", f"lppsgd@devices={devices},updaters=3,batch=64"):
        rates = [rate("lap-table6", row("lap-table6", key), epoch) for epoch in (0, 2.5, 5)]
        assert rates == pytest.approx([0.05, 0.05 + 0.4 * (warmed_up - 0.05), warmed_up])


def test_a_scaled_rate_grows_with_the_batch() -> None:
    assert rate("lap-table8", row("lap-table8", "mbsgd@batch=128"), 5) == pytest.approx(0.8)
    assert rate("lap-table8", row("lap-table8", "mbsgd@batch=512"), 5) == pytest.approx(3.2)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("id", PAPER_B)
def test_every_row_of_paper_b_warms_up(id: str, scale: str) -> None:
    for table_row in table(id).rows:
        assert rate(id, table_row, 0, scale) < rate(id, table_row, 1 if scale != "paper" else 5, scale), table_row.key
