"""MLflow's parents have the values of their own runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import resolve
from benchmarks.tables.registry import table
from benchmarks.views import journals, tracked
from benchmarks.views.table_runs import TableRuns, find_runs
from results import tracking
from results.tracking.entries import TrackedEntry, entries
from tests.results.samples import finish

ID, ROW = "table1", "async_lu"


def shown_tables(out: Path, settings: Sequence[tuple[str, tuple[int, ...], float]]) -> list[TableRuns]:
    """The table under settings that differ in their epochs, each with runs of these seeds, as accurate as that."""
    chosen = [
        Choices(seeds=seeds, methods=(ROW,), settings={"workload": {"epochs": epochs}}) for epochs, seeds, _ in settings
    ]
    grids = [resolve(table(ID), one) for one in chosen]
    for grid, (_, _, accuracy) in zip(grids, settings, strict=True):
        for run in grid.runs:
            finish(out, run, accuracy)
    found = journals.read(out)
    return [find_runs(grid, found) for grid in grids]


def parents(made: Sequence[TableRuns], out: Path, monkeypatch: pytest.MonkeyPatch) -> list[TrackedEntry]:
    told: dict[str, Any] = {}
    monkeypatch.setattr(tracking, "feed", lambda records, **given: told.update(given, records=records))
    tracked.feed(made, out)
    found = entries(told["records"], {}, told["measured"], told["artifacts"])
    return [entry for entry in found if entry.key.startswith("ours:")]


@pytest.mark.parametrize("turned", [False, True])
def test_parents_of_other_settings_have_values_of_their_own(
    tmp_path: Path, turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row, trained for six epochs and for three: not the mean of the other, whichever table comes first."""
    made = shown_tables(tmp_path, [("6", (0,), 80.6), ("3", (0, 1, 2), 41.4)])
    found = parents(made[::-1] if turned else made, tmp_path, monkeypatch)
    shown = {(entry.params["workload.epochs"], point.key): point.value for entry in found for point in entry.points()}
    for epochs, accuracy in (("6", 80.6), ("3", 41.4)):
        assert shown[epochs, "best_accuracy_percent"] == pytest.approx(accuracy)
        assert shown[epochs, "system/target_percent"] == int(accuracy)
