"""The pictures that belong to a table: learning curves, as in the papers' figures, or dots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.views import conditions
from benchmarks.views.curves import caption, curves, goals, seconds_label, subtitle
from benchmarks.views.sheets import Sheet
from benchmarks.views.table import assemble
from reports.figures import curves as learning
from reports.figures.dots import Dot, dots
from reports.figures.names import drawable
from results.files import own_folder
from results.measures import MEASURES
from results.statistics.resolution import summary_interval

WORDS = "Mean and its 95 % interval, where there are two runs; hollow: published."


def draw(sheet: Sheet, out: Path) -> tuple[tuple[Path, ...], str]:
    """-> the files written, out/figures/<condition>/<id>.png, .svg and .pdf, and what is to be said of them.

    Nothing where there is nothing to be drawn. Raises ResultsError where they cannot be written.
    """
    stem = own_folder(out, conditions.of_sheet(sheet).folder(out / "figures")) / sheet.table.id
    title = f"{sheet.table.title}\n({subtitle(sheet)})"
    if sheet.table.picture == "dots" and sheet.used:
        label = f"training time\n({seconds_label(sheet)})"
        return dots(list(_dots(sheet)), stem, title=title, y_label=label, log_y=True), WORDS
    drawn = list(curves(sheet)) if sheet.table.picture == "curves" else []
    if not drawn:
        return (), ""
    levels = goals(sheet)
    words = caption(sheet, drawn, levels)
    return learning.curves(drawn, stem, title=title, y_label="test accuracy (%)", targets=levels), words


def _dots(sheet: Sheet) -> Iterator[Dot]:
    """Grouped by the number of devices, as in B's figure."""
    for row in assemble(sheet).rows:
        devices, label = _devices(sheet, row.network, row.row), row.method_label
        cell = row.cells[0]
        value = cell.measured
        known = summary_interval(value) if value is not None else None
        interval = MEASURES[sheet.table.measures[0]].possible(known) if known is not None else None
        yield Dot(
            f"{devices} devices",
            drawable(label.replace(f", devices {devices}", "")),
            row.row.replace(f",devices={devices}", ""),
            measured=value.mean if value is not None else None,
            low=interval.low if interval is not None else None,
            high=interval.high if interval is not None else None,
            published=cell.published.mean if cell.published is not None else None,
        )


def _devices(sheet: Sheet, network: str, row: str) -> int:
    """Of a row's runs, as planned."""
    mine = (run for run in sheet.grid.runs if (run.spec.workload.network, run.labels.row) == (network, row))
    return next(run.labels.device_count for run in mine)
