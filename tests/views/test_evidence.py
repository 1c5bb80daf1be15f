"""Evidence for claims: which tables of analyses count, which seconds were fitted, and which runs diverged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.hardware import cards
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.evidence import RunsEvidence
from benchmarks.views.table_runs import Records, TableRuns
from results.measures import MEASURES
from results.statistics import Summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable, RunCondition, files
from tests.results.samples import write


@pytest.mark.parametrize(("id", "counts"), [("table9", False), ("stationary", True), ("table3", False)])
def test_only_an_analysis_of_this_scale_or_without_scales_counts(tmp_path: Path, id: str, counts: bool) -> None:
    row = ResultRow("resnet18", "ResNet-18", "bp", "BP", (ResultCell(None, Summary(1.0, None, 1)),))
    result_table = ResultTable(
        id, "title", "source", (MEASURES["forward_seconds"],), (row,), conditions=Conditions("smoke")
    )
    files.write(result_table, tmp_path / "tables")
    tables = {scale: RunsEvidence(RunCondition(scale), tmp_path, ()).tables(id) for scale in ("smoke", "small")}
    assert bool(tables["small"]) == counts
    assert bool(tables["smoke"]) == (id != "table3")


def evidence_of(chosen: Choices, records: Records | None = None) -> RunsEvidence:
    grid = resolve(table("table3"), chosen)
    return RunsEvidence(grid.condition, Path("out"), (TableRuns(grid, records or {}),))


@pytest.mark.parametrize(
    ("chosen", "fitted"),
    [
        (Choices(), True),
        (Choices(executor="threads"), False),
        (Choices(card=cards.load("paper-a-ideal")), False),
        (Choices(card=cards.load("paper-a3")), True),
    ],
)
def test_the_card_that_charged_a_table_says_what_was_fitted(chosen: Choices, fitted: bool) -> None:
    evidence = evidence_of(chosen)
    assert evidence.fitted("table3", "resnet18", "async_lu") == fitted
    assert not evidence.fitted("table3", "resnet18", "lapsgd")
    assert not evidence.fitted("table1", "resnet18", "async_lu"), "nothing of it was run"


def test_diverged_runs_are_counted(tmp_path: Path) -> None:
    runs = [
        write(tmp_path, [1.0], seed=seed, status=status)
        for seed, status in enumerate(("finished", "diverged", "failed"))
    ]
    evidence = evidence_of(Choices(), {("resnet18", "async_lu"): runs})
    assert evidence.diverged("table3", "resnet18", "async_lu") == 1
    assert evidence.diverged("table3", "resnet18", "lapsgd") == 0


def test_runs_that_ended_with_their_best_are_counted(tmp_path: Path) -> None:
    """But for one that was stopped early, which had its chance."""
    curves = ([10.0, 50.0], [50.0, 10.0], [10.0, 50.0], [20.0, 30.0])
    runs = [write(tmp_path, curve, seed=seed) for seed, curve in enumerate(curves)]
    runs = [replace(run, end={**(run.end or {}), "early_stopped": run is runs[2]}) for run in runs]
    evidence = evidence_of(Choices(), {("resnet18", "async_lu"): runs})
    assert evidence.still_rising("table3", "resnet18", "async_lu") == 2
    assert evidence.still_rising("table1", "resnet18", "async_lu") == 0


def test_values_are_known_by_their_seeds_where_every_run_has_one(tmp_path: Path) -> None:
    """A run without an accuracy leaves its row to the comparison of means."""
    runs = [write(tmp_path, curve, seed=seed) for seed, curve in ((4, [60.0, 70.0]), (9, [65.0]), (11, []))]
    evidence = evidence_of(Choices(), {("resnet18", "async_lu"): runs[:2], ("resnet18", "lapsgd"): runs[1:]})
    assert evidence.by_seed("table3", "resnet18", "async_lu", "best_accuracy_percent") == {4: 70.0, 9: 65.0}
    assert evidence.by_seed("table3", "resnet18", "lapsgd", "best_accuracy_percent") == {}
    assert evidence.by_seed("table1", "resnet18", "async_lu", "best_accuracy_percent") == {}
