"""The pictures that belong to a table: learning curves, as in the papers' figures or at equal budgets, or dots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.figures import curves as learning
from reports.figures.curves import Curve, coinciding
from reports.figures.dots import Dot, dots
from reports.figures.looks import drawable
from results.files import own_folder
from results.measures import MEASURES, need
from results.records import Evaluation, Record
from results.records.spec import Judge
from results.statistics.budgets import used
from results.statistics.resolution import summary_interval
from results.tables import ResultTable

WORDS = "Mean and its 95 % interval, where there are two runs; hollow: published."


def draw(table_runs: TableRuns, table: ResultTable, out: Path) -> tuple[tuple[Path, ...], str]:
    """-> the files written, out/figures/<condition>/<id>.png, .svg and .pdf, and what is to be said of them.

    Nothing where there is nothing to be drawn. Raises ResultsError where they cannot be written.
    """
    stem = own_folder(out, table.conditions.folder(out / "figures")) / table_runs.table.id
    title = f"{table_runs.table.title}\n({subtitle(table_runs)})"
    if table_runs.table.picture == "dots" and table_runs.used:
        label = f"training time\n({seconds_label(table_runs)})"
        return dots(list(_dots(table_runs, table)), stem, title=title, y_label=label, log_y=True), WORDS
    drawn = list(curves(table_runs)) if table_runs.table.picture in ("curves", "budgets") else []
    if not drawn:
        return (), ""
    levels = goals(table_runs)
    words = caption(table_runs, drawn, levels)
    return learning.curves(drawn, stem, title=title, **options(table_runs)), words


def _dots(table_runs: TableRuns, table: ResultTable) -> Iterator[Dot]:
    """Grouped by the number of devices, as in B's figure."""
    cells = table_runs.grid.cells
    device_counts = {(cell.network, cell.row.key): cell.runs[0].labels.device_count for cell in cells}
    for row in table.rows:
        devices, label = device_counts[row.network, row.row], row.method_label
        cell = row.cells[0]
        value = cell.measured
        unclipped = summary_interval(value) if value is not None else None
        interval = MEASURES[table_runs.table.measures[0]].possible(unclipped) if unclipped is not None else None
        yield Dot(
            f"{devices} devices",
            drawable(label.replace(f", devices {devices}", "")),
            row.row.replace(f",devices={devices}", ""),
            measured=value.mean if value is not None else None,
            low=interval.low if interval is not None else None,
            high=interval.high if interval is not None else None,
            published=cell.published.mean if cell.published is not None else None,
        )


# ---- learning curves, on pages as well


def subtitle(table_runs: TableRuns) -> str:
    """Subtitle of a picture: scale, clock and seeds."""
    clock = f"hardware {table_runs.grid.card.name}" if table_runs.grid.card is not None else "real threads"
    return f"scale {table_runs.grid.size}, {clock}, n = {len(table_runs.seeds)}"


def seconds_label(table_runs: TableRuns) -> str:
    """Label of an axis of seconds."""
    return "simulated seconds" if table_runs.grid.card is not None else "seconds"


def y_label(table_runs: TableRuns, split: str = "test") -> str:
    """Label of an axis of what runs are judged by: "test accuracy (%)"."""
    return f"{split} {table_runs.judge.heading}"


def options(table_runs: TableRuns) -> dict[str, Any]:
    """Arguments of learning curves beside their title: label of what is judged, targets, and unequal totals."""
    unequal = table_runs.table.picture == "budgets"
    return {"y_label": y_label(table_runs), "targets": goals(table_runs), "unequal": unequal}


def goals(table_runs: TableRuns) -> dict[str, float]:
    """Network's title -> the target, of a table that asks for the way to it."""
    if not need(table_runs.table.measures, "target"):
        return {}
    return {title_of(net): goal.value for net in table_runs.networks if (goal := table_runs.goal_of(net)) is not None}


def caption(table_runs: TableRuns, drawn: Sequence[Curve], levels: Mapping[str, float], split: str = "test") -> str:
    """Caption of learning curves. levels: their targets."""
    axes = list(dict.fromkeys(label for curve in drawn for label in curve.xs))
    over = " and over ".join(f"{label}s" if label == "epoch" else label for label in axes)
    words = [f"{y_label(table_runs, split).capitalize()} over {over}. Thin: every seed; thick: their mean"]
    if silent := list(dict.fromkeys(curve.label for curve in drawn if len(curve.xs) < len(axes))):
        words.append(f"without {axes[-1]}: {', '.join(silent)}")
    if levels:
        reached = ", ".join(f"{name} {table_runs.judge.with_unit(level)}" for name, level in levels.items())
        words.append(f"dotted: the target ({reached})")
    return "; ".join(filter(None, (*words, coinciding(drawn)))) + "."


def curves(table_runs: TableRuns, *, validation: bool = False) -> Iterator[Curve]:
    """One per run with a finite value at a finite time; points without are left out.

    validation: of the validation split, of those runs that have one; else of the test split.

    Over epochs and seconds; of a picture of budgets over samples, seconds and, of what sends any, megabytes.
    """
    for network in table_runs.networks:
        for row in table_runs.rows:
            for record in table_runs.of(network, row.key):
                if validation and record.spec.workload.validation is None:
                    continue
                judge = record.monitor if validation else record.judge
                if points := list(_points(record, judge)):
                    xs = _positions(table_runs, record, points)
                    values = [judge.of(point.metrics) for point in points]
                    yield Curve(drawable(row.label), title_of(network), xs, values, row.key)


def _points(record: Record, judge: Judge) -> Iterator[Evaluation]:
    """Evaluations at a finite time with a finite value of the judge's metric."""
    for point in record.evaluations:
        seconds, value = point.metrics.get(record.clock, math.nan), judge.of(point.metrics)
        if math.isfinite(seconds) and math.isfinite(value):
            yield point


def _positions(table_runs: TableRuns, record: Record, points: Sequence[Evaluation]) -> dict[str, list[float]]:
    clock = {seconds_label(table_runs): [point.metrics[record.clock] for point in points]}
    if table_runs.table.picture != "budgets":
        return {"epoch": [float(point.epoch) for point in points], **clock}
    sizes = {what: [used(record, point, what) or 0.0 for point in points] for what in ("samples", "bytes")}
    positions = {"samples": sizes["samples"], **clock}
    if any(sizes["bytes"]):
        positions["megabytes sent"] = [size / 1e6 for size in sizes["bytes"]]
    return positions
