"""A tuned table's page of the report, from the tables that `tune` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.views.pages.analysis_page import drawn, grid
from benchmarks.views.tuning.names import FOLDER, name_of, runs_name
from reports.site.pages import Page
from results.files import own_folder
from results.tables import files


def pages(id: str, out: Path, folder: Path) -> Iterator[Page]:
    """Of the table with this id, one for every condition that it was tuned under. folder: of the report.

    Raises as analysis_page.pages.
    """
    for place, tables in files.by_condition(out / FOLDER, name_of(id)).items():
        rows = tables[0]
        caption = f"{rows.title}: the accuracy of every trial over its learning rate."
        yield Page(
            id=rows.name,
            title=rows.title,
            source=rows.source,
            grids=tuple(map(grid, tables)),
            curves=drawn(tables, caption, out, own_folder(folder, folder / place / rows.name)),
            command=rows.command,
            condition=rows.conditions,
        )


def runs(out: Path) -> frozenset[str]:
    """The ids of all runs that such pages show. Raises ResultsError where a table cannot be read."""
    paths = sorted((out / FOLDER).glob(f"**/{runs_name('*')}.json"))
    return frozenset(row.row for path in paths for row in files.read(path).rows)
