"""The pictures that belong to a table: learning curves, as in the papers' figures, or bars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.views import sheets
from benchmarks.views.table import assemble
from benchmarks.workloads.networks.names import TITLES
from reports import figures
from reports.figures import Bar, Curve
from results.records import Record
from results.statistics import ACCURACY


def draw(sheet: sheets.Sheet, out: Path) -> tuple[Path, ...]:
    """-> the files written, out/figures/<id>.png and .svg; none where nothing was run or nothing is to be drawn."""
    stem = out / "figures" / sheet.table.id
    if not sheet.table.picture or not any(sheet.records.values()):
        return ()
    title = f"{sheet.table.title}\n(scale {sheet.choices.scale}, {_clock(sheet)}, n = {sheet.choices.seeds})"
    if sheet.table.picture == "bars":
        return figures.bars(list(_bars(sheet)), stem, title=title, y_label="training time (s)", log_y=True)
    return figures.curves(list(_curves(sheet)), stem, title=title, y_label="test accuracy (%)")


def _clock(sheet: sheets.Sheet) -> str:
    return f"hardware {sheet.card.name}" if sheet.card is not None else "real threads"


def _curves(sheet: sheets.Sheet) -> Iterator[Curve]:
    seconds = "simulated seconds" if sheet.card is not None else "seconds"
    for network in sheet.networks:
        for row in sheet.rows:
            for record in sheet.of(network, row.key):
                points = [point for point in record.evaluations if ACCURACY in point.metrics]
                if points:
                    xs: dict[str, list[float]] = {
                        "epoch": [point.epoch for point in points],
                        seconds: [point.metrics[record.clock] for point in points],
                    }
                    yield Curve(row.label, TITLES[network], xs, [point.metrics[ACCURACY] for point in points])


def _bars(sheet: sheets.Sheet) -> Iterator[Bar]:
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


def _devices(sheet: sheets.Sheet, network: str, row: str) -> int:
    records: list[Record] = list(sheet.of(network, row))
    return records[0].labels.device_count if records else 0
