"""Draws pictures of runs in the colours and line styles of the suite; each function returns its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from benchmarks.errors import UserError
from benchmarks.views.pages.layers import age
from methods.errors import unknown
from reports.figures import curves as learning
from reports.figures import diagnostics
from reports.figures.curves import Curve
from results.records import Evaluation, Record, of_rows
from results.statistics.budgets import used

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from async_sgd_benchmarks.runs import Runs

X = Literal["epochs", "seconds", "samples", "bytes"]
_LABELS = {"epochs": "epoch", "seconds": "seconds", "samples": "samples", "bytes": "megabytes sent"}


def curves(runs: Runs, x: X = "epochs", y: str | None = None, ax: Axes | None = None) -> Axes:
    """Draws learning curves: every seed a thin line, the mean of a row's seeds a thick one.

        ab.plot.curves(ab.load("out").where(network="resnet18"), x="seconds")

    x: epochs, seconds of the runs' clock (simulated ones where it is), samples, or bytes (in megabytes). y: a metric of
    `evaluations`; by default what the runs are judged by, on the test set. ax: where to draw; by default new axes.
    Raises UserError where the runs are of several networks or have no such metric.
    """
    records = _of_one_network(runs)
    metric, judge = y or records[0].judge.metric, records[0].judge
    if x not in _LABELS:
        raise UserError(unknown("x", x, _LABELS))
    simulated = x == "seconds" and all(record.simulated for record in records)
    label = "simulated seconds" if simulated else _LABELS[x]
    lines = [curve for record in records if (curve := _curve(record, x, label, metric)) is not None]
    if not lines:
        metrics = dict.fromkeys(name for record in records for point in record.evaluations for name in point.metrics)
        raise UserError(unknown("metric", metric, metrics) if metric not in metrics else f"No run has counted its {x}.")
    axes = ax if ax is not None else _new()
    learning.draw(axes, lines, label)
    axes.set(xlabel=label, ylabel=f"test {judge.heading}" if metric == judge.metric else metric)
    axes.legend(frameon=False)
    return axes


def staleness(runs: Runs, unit: Literal["updates", "seconds"] = "updates", ax: Axes | None = None) -> Axes:
    """Draws the mean staleness of each layer's gradients, from the first layer to the last, a line per row.

        ab.plot.staleness(ab.load("out").where(network="resnet18"))

    unit: updates by others, or seconds of the runs' clock, between reading a layer's weights and updating them. ax: as
    `curves`. Raises UserError where the runs are of several networks, or none has ended.
    """
    records = _of_one_network(runs)
    rows = {row: [record for record in records if record.row == row] for row in {run.row: None for run in records}}
    ages = [
        staleness_of_row
        for row, of_row in rows.items()
        if (staleness_of_row := age(of_row, _label(of_row[0]), row, of_row[0].network)) is not None
    ]
    if not ages:
        raise UserError("None of these runs has ended: their staleness is unknown.")
    axes = ax if ax is not None else _new()
    diagnostics.draw(axes, ages, unit)
    axes.set(ylabel="others' updates" if unit == "updates" else "seconds")
    axes.legend(frameon=False)
    return axes


def _new() -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(6.4, 3.6), layout="constrained")[1]


def _of_one_network(runs: Runs) -> list[Record]:
    records = of_rows(runs.records)
    networks = dict.fromkeys(record.network for record in records)
    if len(networks) != 1:
        raise UserError(f"These runs are of {', '.join(networks) or 'no network'}: choose one, where(network=...).")
    return records


def _label(record: Record) -> str:
    _, at, options = record.row.partition("@")
    return f"{record.labels.method_title or record.method}{', ' if at else ''}{options}"


def _curve(record: Record, x: X, label: str, metric: str) -> Curve | None:
    points = [(_position(record, point, x), point.metrics.get(metric)) for point in record.evaluations]
    counted = [(position, value) for position, value in points if position is not None and value is not None]
    if not counted:
        return None
    xs, values = zip(*counted, strict=True)
    return Curve(_label(record), record.network, {label: xs}, values, record.row)


def _position(record: Record, point: Evaluation, x: X) -> float | None:
    if x == "epochs":
        return float(point.epoch)
    size = used(record, point, x)
    return size / 1e6 if size is not None and x == "bytes" else size
