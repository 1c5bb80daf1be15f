"""Learning curves of a sheet's runs, and the words that stand on every picture of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.views.sheets import Sheet
from benchmarks.workloads.networks.names import title_of
from reports.figures.curves import Curve, coinciding
from reports.figures.names import drawable
from results.measures import need
from results.records import Record
from results.statistics import ACCURACY


def subtitle(sheet: Sheet) -> str:
    """What one has to know to read a picture: scale, clock and seeds."""
    clock = f"hardware {sheet.grid.card.name}" if sheet.grid.card is not None else "real threads"
    return f"scale {sheet.grid.scale}, {clock}, n = {len(sheet.seeds)}"


def seconds_label(sheet: Sheet) -> str:
    """Of an axis of seconds."""
    return "simulated seconds" if sheet.grid.card is not None else "seconds"


def goals(sheet: Sheet) -> dict[str, float]:
    """Network's title -> the target in percent, of a table that asks for the way to it."""
    if not need(sheet.table.measures, "target"):
        return {}
    return {title_of(net): goal.percent for net in sheet.networks if (goal := sheet.goal_of(net)) is not None}


def caption(sheet: Sheet, drawn: Sequence[Curve], levels: Mapping[str, float]) -> str:
    """What is to be said of learning curves; levels: their targets."""
    words = [f"Test accuracy over epochs and over {seconds_label(sheet)}. Thin: every seed; thick: their mean"]
    if levels:
        words.append(f"dotted: the target ({', '.join(f'{name} {level:g} %' for name, level in levels.items())})")
    return "; ".join(filter(None, (*words, coinciding(drawn)))) + "."


def curves(sheet: Sheet) -> Iterator[Curve]:
    """One per run with a finite accuracy at a finite time; points without are left out."""
    for network in sheet.networks:
        for row in sheet.rows:
            for record in sheet.of(network, row.key):
                if points := list(_points(record)):
                    epochs, seconds, accuracies = zip(*points, strict=True)
                    xs = {"epoch": epochs, seconds_label(sheet): seconds}
                    yield Curve(drawable(row.label), title_of(network), xs, accuracies, row.key)


def _points(record: Record) -> Iterator[tuple[float, float, float]]:
    """(epoch, seconds of the record's clock, accuracy in percent), all finite."""
    for point in record.evaluations:
        seconds, accuracy = (point.metrics.get(name, math.nan) for name in (record.clock, ACCURACY))
        if math.isfinite(seconds) and math.isfinite(accuracy):
            yield float(point.epoch), seconds, accuracy
