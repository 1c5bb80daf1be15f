"""The pictures that belong to a table: learning curves, as in the papers' figures, or bars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.views import conditions
from benchmarks.views.curves import curves, subtitle
from benchmarks.views.sheets import Sheet
from benchmarks.views.table import assemble
from reports import figures
from reports.figures import Bar


def draw(sheet: Sheet, out: Path) -> tuple[Path, ...]:
    """-> the files written, out/figures/<condition>/<id>.png and .svg; none where there is nothing to be drawn.

    Raises ResultsError where they cannot be written.
    """
    stem = conditions.of_sheet(sheet).folder(out / "figures") / sheet.table.id
    if not sheet.table.picture or not sheet.used:
        return ()
    title = f"{sheet.table.title}\n({subtitle(sheet)})"
    if sheet.table.picture == "bars":
        return figures.bars(list(_bars(sheet)), stem, title=title, y_label="training time (s)", log_y=True)
    drawn = list(curves(sheet))
    return figures.curves(drawn, stem, title=title, y_label="test accuracy (%)") if drawn else ()


def _bars(sheet: Sheet) -> Iterator[Bar]:
    """Grouped by the number of devices, as in B's figure."""
    for row in assemble(sheet).rows:
        devices, label = _devices(sheet, row.network, row.row), row.method_label
        cell = row.cells[0]
        value = cell.measured
        yield Bar(
            f"{devices} devices",
            label.replace(f", devices {devices}", ""),
            measured=value.mean if value is not None else None,
            std=value.std if value is not None else None,
            published=cell.published.mean if cell.published is not None else None,
        )


def _devices(sheet: Sheet, network: str, row: str) -> int:
    """Of a row's runs, as planned."""
    mine = (run for run in sheet.planned if (run.spec.workload.network, run.labels.row) == (network, row))
    return next(run.labels.device_count for run in mine)
