"""Sentences below a table on what its rows left out, share, or do not share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.runner.choices import Choices, Sweep
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.notes import captions, caveats, notes
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import find_runs
from tests.views.runs import made


def left_out(id: str, **changes: Any) -> list[str]:
    choices = Choices(seeds=(0,), **changes)
    table_runs = find_runs(resolve(table(id), choices), Journals(()))
    return [note for note in caveats(table_runs) if note.startswith("Samples that fill no batch")]


def test_where_the_papers_rows_diverged_other_rows_have_finished_all_the_same() -> None:
    """BP takes no part in the target, and is not denied that it finished."""
    choices = Choices(seeds=(0,), networks=("resnet18",), methods=("async_lu", "bp"))
    grid = resolve(table("table3"), choices)
    ends = {"bp": "finished", "async_lu": "diverged"}
    journals = Journals(tuple(made(run, "2026", ends[run.method.name]) for run in grid.runs))
    table_runs = find_runs(grid, journals)
    reasons = {row.row: {cell.reason for cell in row.cells} for row in assemble(table_runs).rows}
    assert reasons == {
        "async_lu": {"1 of 1 runs diverged: "},
        "bp": {"no target: no run finished of the rows whose worst sets it"},
    }
    assert "resnet18: no target, since no run finished of the rows whose worst sets it (paper: 60 %)" in list(
        captions(table_runs)
    )


def test_a_remainder_is_said_with_its_share_and_its_reason() -> None:
    assert left_out("lap-table1", scale="paper") == [
        "Samples that fill no batch are left out of an epoch, and of its training time: "
        "0.16 % (batches of 128 x 2 devices) by MB-SGD, batch 128, PL-SGD, batch 128; "
        "1.7 % (batches of 1024 x 2 devices) by MB-SGD, batch 1024, PL-SGD, batch 1024."
    ]


def test_evaluations_within_an_epoch_are_said_where_they_are_set() -> None:
    def said(every: str) -> list[str]:
        choices = Choices(seeds=(0,), settings={"workload": {"evaluate_every": every}})
        table_runs = find_runs(resolve(table("table1"), choices), Journals(()))
        return [note for note in caveats(table_runs) if note.startswith("Evaluated ")]

    assert said("1") == []
    assert [note.partition(",")[0] for note in said("1/4")] == ["Evaluated 4 times in each epoch"]
    assert [note.partition(",")[0] for note in said("2")] == ["Evaluated every 2 epochs"]


@pytest.mark.parametrize("id", ["lm", "lm-optimizers"])
@pytest.mark.parametrize("units", [("characters", "bytes"), ("bytes",)])
def test_losses_of_unlike_tokens_are_not_ranked_and_set_no_target(id: str, units: tuple[str, ...]) -> None:
    """Bits per byte compare them; a loss is per token of its own unit."""
    sweeps = (Sweep("workload", "tokens.unit", units),) if len(units) > 1 else ()
    settings = {} if sweeps else {"workload": {"tokens.unit": units[0]}}
    choices = Choices(seeds=(0, 1), methods=("bp", "async_lu"), sweeps=sweeps, settings=settings)
    grid = resolve(table(id), choices)
    records = [made(run, "2026", curve=(50.0,)) for run in grid.runs]
    table_runs = find_runs(grid, Journals(tuple(records)))
    result_table = assemble(table_runs)
    better = {measure.key: measure.better for measure in result_table.measures}
    unlike = len(units) > 1
    assert better["best_loss"] == ("" if unlike else "less")
    assert better.get("bits_per_byte", "") == ("less" if unlike or id == "lm" else "")
    assert (table_runs.targets["gpt"] is None) == unlike
    assert [len(row.cells) for row in result_table.rows] == [len(result_table.measures)] * len(result_table.rows)
    comparisons = [line for line in result_table.caveats if "bits per byte compare" in line]
    assert len(comparisons) == unlike
    assert any("characters" in line and "bytes" in line for line in result_table.audit) == unlike


def test_rows_that_are_the_same_numbers_are_named() -> None:
    """Not those that are one run, of which another sentence speaks, nor rows that differ in one seed."""

    def said(best_of_async_bu: float) -> list[str]:
        choices = Choices(seeds=(0, 1), networks=("resnet18",), methods=("async_lu", "async_bu", "bp"))
        grid = resolve(table("table3"), choices)
        best = {("async_bu", 1): best_of_async_bu, ("bp", 0): 10.0, ("bp", 1): 10.0}
        records = [made(run, "2026", curve=(best.get((run.method.name, run.spec.seed), 50.0),)) for run in grid.runs]
        table_runs = find_runs(grid, Journals(tuple(records)))
        return [note for note in caveats(table_runs) if note.startswith("The same losses")]

    (line,) = said(50.0)
    assert "(resnet18)" in line
    assert line.endswith("Async LU; Async BU.")
    assert said(49.0) == []


def test_rows_of_one_seed_that_two_processors_computed_are_named() -> None:
    """Not where each seed was computed on one: rows are compared seed by seed."""

    def said(cpus: Mapping[tuple[str, int], str], **capabilities: str) -> list[str]:
        choices = Choices(seeds=(0, 1), networks=("resnet18",), methods=("async_lu", "async_bu", "bp"))
        grid = resolve(table("table3"), choices)
        records = [
            replace(
                made(run, "2026"),
                environment={
                    "cpu": cpus.get((run.method.name, run.spec.seed), "first"),
                    "cpu_capability": capabilities.get(run.method.name),
                },
            )
            for run in grid.runs
        ]
        return [note for note in caveats(find_runs(grid, Journals(tuple(records)))) if "processors" in note]

    assert said({}) == said({(name, 1): "second" for name in ("async_lu", "async_bu", "bp")}) == []
    (line,) = said({("async_lu", 1): "second"})
    assert "first (Async LU; Async BU; BP, 1 device), second (Async LU)" in line
    assert said({}, async_lu="AVX2", bp="AVX2") == []
    (line,) = said({}, async_lu="AVX2", bp="AVX512")
    assert "first with AVX2 (Async LU), first (Async BU), first with AVX512 (BP, 1 device)" in line


def test_a_rows_note_stands_below_the_table() -> None:
    table_runs = find_runs(resolve(table("audit-staleness"), Choices(seeds=(0,))), Journals(()))
    row_notes = {f"{row.label}: {row.note}." for row in table_runs.grid.rows if row.note}
    assert row_notes
    assert row_notes <= set(notes(table_runs))
