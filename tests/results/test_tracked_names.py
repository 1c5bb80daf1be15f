"""Names of runs in MLflow: short, and still one for each row of a table."""

from __future__ import annotations

import pytest

from benchmarks.tables import registry
from results.tracking.entries import short


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("bp", "bp"),
        ("lapsgd@updaters=2,batch=128", "lapsgd u2 b128"),
        ("async_lu@backward_workers=3", "async_lu bw3"),
        ("bp@workload.schedule.lr=0.04", "bp lr0.04"),
        ("bp@stem=imagenet,workload.schedule.milestones=(3,5)", "bp stem=imagenet m(3,5)"),
        ("async_lu@rate=delay_adaptive", "async_lu rate=delay_adaptive"),
        ("bp@workload.optimizer.weight_decay=5e-05", "bp wd5e-05"),
    ],
)
def test_numbers_have_initials_and_words_their_last_part(row: str, name: str) -> None:
    assert short(row) == name


@pytest.mark.parametrize("id", registry.IDS)
def test_rows_of_a_table_keep_names_of_their_own(id: str) -> None:
    rows = [row.key for row in registry.table(id).rows]
    assert len({short(row) for row in rows}) == len(rows)
