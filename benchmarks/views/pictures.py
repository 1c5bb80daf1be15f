"""The pictures that belong to a table: learning curves, as in the papers' figures, or bars."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from benchmarks.views.sheets import Sheet
from benchmarks.views.table import assemble
from benchmarks.workloads.networks.names import TITLES
from reports import figures
from reports.figures import Bar, Curve
from reports.figures.diagnostics import drawable
from results.records import Record
from results.statistics import ACCURACY


def draw(sheet: Sheet, out: Path) -> tuple[Path, ...]:
    """-> the files written, out/figures/<id>.png and .svg; none where nothing was run or nothing is to be drawn.

    Raises ResultsError where they cannot be written.
    """
    stem = out / "figures" / sheet.table.id
    if not sheet.table.picture or not sheet.used:
        return ()
    title = f"{sheet.table.title}\n({subtitle(sheet)})"
    if sheet.table.picture == "bars":
        return figures.bars(list(_bars(sheet)), stem, title=title, y_label="training time (s)", log_y=True)
    drawn = list(curves(sheet))
    return figures.curves(drawn, stem, title=title, y_label="test accuracy (%)") if drawn else ()


def subtitle(sheet: Sheet) -> str:
    """What one has to know to read a picture: scale, clock and seeds."""
    clock = f"hardware {sheet.card.name}" if sheet.card is not None else "real threads"
    return f"scale {sheet.choices.scale}, {clock}, n = {sheet.choices.seeds}"


def seconds_label(sheet: Sheet) -> str:
    """Of an axis of seconds."""
    return "simulated seconds" if sheet.card is not None else "seconds"


def curves(sheet: Sheet) -> Iterator[Curve]:
    """One per run with a finite accuracy at a finite time; points without are left out."""
    for network in sheet.networks:
        for row in sheet.rows:
            for record in sheet.of(network, row.key):
                if points := list(_points(record)):
                    epochs, seconds, accuracies = zip(*points, strict=True)
                    xs = {"epoch": epochs, seconds_label(sheet): seconds}
                    yield Curve(drawable(row.label), TITLES[network], xs, accuracies)


def _points(record: Record) -> Iterator[tuple[float, float, float]]:
    """(epoch, seconds of the record's clock, accuracy in percent), all finite."""
    for point in record.evaluations:
        seconds, accuracy = (point.metrics.get(name, math.nan) for name in (record.clock, ACCURACY))
        if math.isfinite(seconds) and math.isfinite(accuracy):
            yield float(point.epoch), seconds, accuracy


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
