"""MLflow's parents have the values of their own runs, by the whole table's targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views import journals, tracked
from benchmarks.views.table_runs import TableRuns, find_runs
from results import tracking
from results.tracking.entries import TrackedEntry, entries
from tests.results.samples import finish

ID, ROW = "table1", "async_lu"


def shown_tables(out: Path, settings: Sequence[tuple[str, tuple[int, ...], float]]) -> list[TableRuns]:
    """The table under settings that differ in their epochs, each with runs of these seeds, as accurate as that."""
    all_choices = [
        Choices(seeds=seeds, methods=(ROW,), settings={"workload": {"epochs": epochs}}) for epochs, seeds, _ in settings
    ]
    grids = [resolve(table(ID), choices) for choices in all_choices]
    for grid, (_, _, accuracy) in zip(grids, settings, strict=True):
        for run in grid.runs:
            finish(out, run, accuracy)
    all_journals = journals.read(out)
    return [find_runs(grid, all_journals) for grid in grids]


def fed(
    whole_tables: Sequence[TableRuns], chosen_tables: Sequence[TableRuns], out: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Arguments that MLflow is given."""
    arguments: dict[str, Any] = {}
    monkeypatch.setattr(tracking, "feed", lambda records, **keywords: arguments.update(keywords, records=records))
    tracked.feed(whole_tables, chosen_tables, out)
    return arguments


def parents(tables: Sequence[TableRuns], out: Path, monkeypatch: pytest.MonkeyPatch) -> list[TrackedEntry]:
    arguments = fed([], tables, out, monkeypatch)
    tracked_entries = entries(arguments["records"], {}, arguments["measured"], arguments["artifacts"])
    return [entry for entry in tracked_entries if entry.key.startswith("ours:")]


@pytest.mark.parametrize("turned", [False, True])
def test_parents_of_other_settings_have_values_of_their_own(
    tmp_path: Path, turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row, trained for six epochs and for three: not the mean of the other, whichever table comes first."""
    tables = shown_tables(tmp_path, [("6", (0,), 80.6), ("3", (0, 1, 2), 41.4)])
    parent_entries = parents(tables[::-1] if turned else tables, tmp_path, monkeypatch)
    values = {
        (entry.params["workload.epochs"], point.key): point.value
        for entry in parent_entries
        for point in entry.points()
    }
    for epochs, accuracy in (("6", 80.6), ("3", 41.4)):
        assert values[epochs, "best_accuracy_percent"] == pytest.approx(accuracy)
        assert values[epochs, "system/target_percent"] == int(accuracy)


@pytest.mark.parametrize("worst", [41.4, 10.0])
def test_values_rest_on_the_whole_table_whatever_rows_were_asked_for(
    tmp_path: Path, worst: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By chance 10 % are right: then the whole table has no target, and BP asked for alone none of its own.

    A row that is no part of the table (here DDP's) is held against the table's target too.
    """
    accuracies = {"async_lu": worst, "bp": 60.0, "ddp": 70.0}
    choices = Choices(seeds=(0,), methods=tuple(accuracies))
    for cell in resolve(table(ID), choices).cells:
        if cell.network == "resnet18":
            finish(tmp_path, cell.runs[0], accuracies[cell.row.key])
    all_journals = journals.read(tmp_path)
    whole_table = find_runs(resolve(table(ID), choices.whole), all_journals)
    measured: dict[Any, Any] = {}
    for rows in (("async_lu", "bp", "ddp"), ("bp",), ("ddp",), ("ddp", "bp")):
        asked_table = find_runs(resolve(table(ID), replace(choices, methods=rows)), all_journals)
        for runs, values in fed([whole_table], [asked_table], tmp_path, monkeypatch)["measured"].items():
            assert measured.setdefault(runs, values) == values
        assert all(
            entry.given for entry in parents([whole_table, asked_table], tmp_path, monkeypatch)
        )  # replaces older values
    targets = {row: values["target_percent"].mean for (row, _), values in measured.items() if values}
    assert targets == ({} if worst == 10.0 else dict.fromkeys(accuracies, 41.0))
