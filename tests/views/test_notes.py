"""What stands under a table of what its rows left out."""

from __future__ import annotations

from typing import Any

from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.notes import notes
from benchmarks.views.sheets import sheet_of


def left_out(id: str, **changes: Any) -> list[str]:
    choices = Choices(seeds=(0,), **changes)
    sheet = sheet_of(table(id), choices, plan.runs(table(id), choices), Journals(()))
    return [note for note in notes(sheet) if note.startswith("Samples that fill no batch")]


def test_a_remainder_is_said_with_its_share_and_its_reason() -> None:
    assert left_out("lap-table1", scale="paper") == [
        "Samples that fill no batch are left out of an epoch, and of its training time: "
        "0.16 % (batches of 128 x 2 devices) by MB-SGD, batch 128, PL-SGD, batch 128; "
        "1.7 % (batches of 1024 x 2 devices) by MB-SGD, batch 1024, PL-SGD, batch 1024."
    ]


def test_without_a_remainder_nothing_is_said() -> None:
    assert left_out("lap-table1", scale="smoke") == left_out("table1", scale="small") == []


def test_what_is_set_counts() -> None:
    (said,) = left_out("table7", scale="smoke", settings={"workload": {"train_samples": "256"}})
    assert "25 % (batches of 64 x 3 devices) by DDP" in said
    assert "BP" not in said


def test_drains_within_an_epoch_are_said_where_they_are_set() -> None:
    def said(**changes: Any) -> list[str]:
        choices = Choices(seeds=(0,), **changes)
        sheet = sheet_of(table("table1"), choices, plan.runs(table("table1"), choices), Journals(()))
        return [note for note in notes(sheet) if note.startswith("Within an epoch all workers are drained after every")]

    assert said() == []
    assert len(said(settings={"workload": {"drain_every": "500"}})) == 1
