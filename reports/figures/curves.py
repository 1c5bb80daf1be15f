"""Draws learning curves: every seed, and the mean of a method's seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from reports.figures import canvas, coincidence
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import LineLook, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TINY = 1e-3
MARKS = 6
"""Markers along a line, about; each line has them at other places."""


@dataclass(frozen=True)
class Curve:
    """One run's values. xs: axis label -> positions, such as {"epoch": [...], "simulated seconds": [...]}.

    Curves with the same label and panel are the seeds of one method on one network. key: of the method's row.
    """

    label: str
    panel: str
    xs: Mapping[str, Sequence[float]]
    values: Sequence[float]
    key: str


def curves(
    runs: Sequence[Curve],
    stem: Path,
    *,
    title: str,
    y_label: str,
    targets: Mapping[str, float] | None = None,
    unequal: bool = False,
) -> tuple[Path, ...]:
    """Draws panels side by side, a row of them per axis of `Curve.xs`; the axes of a single panel in one row.

    Every seed is a thin line and their mean a thick one, as far as all seeds go; means that coincide differ in width.
    targets: panel -> a level to draw a line at. unequal: an axis on which some run goes five times as far as another is
    logarithmic. Raises ResultsError where the files cannot be written.
    """
    panels = list(dict.fromkeys(run.panel for run in runs))
    axes_labels = list(dict.fromkeys(label for run in runs for label in run.xs))
    alone = len(panels) == 1
    rows, columns = (1, len(axes_labels)) if alone else (len(axes_labels), len(panels))
    labels, looks_of = list(dict.fromkeys(run.label for run in runs)), looks(run.key for run in runs)
    wide = canvas.COLUMN if columns <= 2 else canvas.TEXT
    sizes = Sizes((4.4 * columns + 1.6, 2.9 * rows + 0.6), (wide, 1.6 * rows), labels)

    def paint(figure: Figure, medium: Medium) -> None:
        grid = figure.subplots(rows, columns, squeeze=False, sharey="row" if alone else "col")
        places = [(panel, x_label) for x_label in axes_labels for panel in panels]
        for number, (axes, (panel, x_label)) in enumerate(zip(grid.flat, places, strict=True)):
            axes.set(xlabel=x_label, ylabel=y_label if medium.titled or number % columns == 0 else "")
            if medium.titled or not alone:
                axes.set_title(panel)
            shown = [run for run in runs if run.panel == panel]
            _draw(axes, shown, looks_of, x_label, medium)
            if unequal and _apart(shown, x_label):
                axes.set_xscale("log", nonpositive="mask")
                axes.xaxis.set_major_formatter("{x:g}")
            else:
                tick_in_full(axes)
            if targets and panel in targets and (not alone or number == columns - 1):
                _name(axes, targets[panel])
            if targets and panel in targets:
                axes.axhline(targets[panel], color="black", linewidth=0.8, linestyle=(0, (1, 2)))
        canvas.legend(figure, list(grid.flat), medium)

    return canvas.picture(paint, stem, sizes, title)


def draw(axes: Axes, runs: Sequence[Curve], x_label: str) -> None:
    """Draws every seed thin and their means thick into the caller's axes, with labels for a legend."""
    _draw(axes, runs, looks(run.key for run in runs), x_label, canvas.SCREEN)


def _draw(axes: Axes, runs: Sequence[Curve], looks_of: Mapping[str, LineLook], x_label: str, medium: Medium) -> None:
    means = _means(runs, x_label)
    width = coincidence.widths(means)
    for number, (label, points) in enumerate(means.items()):
        seeds = [run for run in runs if run.label == label and x_label in run.xs]
        look = looks_of[seeds[0].key]
        if len(seeds) > 1:
            for run in seeds:
                axes.plot(run.xs[x_label], run.values, linewidth=medium.line / 3, alpha=0.4, **look.line)
        step = max(1, len(points) // MARKS)
        marks: dict[str, Any] = {"markevery": (number % step, step), "markersize": medium.marker, **look.points}
        axes.plot(*zip(*points, strict=True), linewidth=medium.line * width[label], label=label, **look.line | marks)


def _apart(runs: Sequence[Curve], x_label: str) -> bool:
    """Returns whether one run ends at five times the position of another, or beyond."""
    ends = [run.xs[x_label][-1] for run in runs if x_label in run.xs]
    return bool(ends) and max(ends) >= 5 * min(ends) > 0


def tick_in_full(axes: Axes) -> None:
    """Writes few ticks, in full, on an axis of tiny positions: a common factor would cover the axis' name."""
    if abs(axes.get_xlim()[1]) < TINY:
        axes.locator_params(axis="x", nbins=2)
        axes.xaxis.set_major_formatter("{x:g}")


def _means(runs: Sequence[Curve], x_label: str) -> dict[str, list[tuple[float, float]]]:
    """Returns by label the mean of its seeds as points, as far as the shortest goes."""
    means = {}
    for label in dict.fromkeys(run.label for run in runs if x_label in run.xs):
        seeds = [run for run in runs if run.label == label and x_label in run.xs]
        xs = zip(*(run.xs[x_label] for run in seeds), strict=False)
        ys = zip(*(run.values for run in seeds), strict=False)
        means[label] = [(fmean(x), fmean(y)) for x, y in zip(xs, ys, strict=True)]
    return means


def coinciding(runs: Sequence[Curve]) -> str:
    """Returns a sentence for a caption on the means that coincide over every axis; "" where there are none."""
    panels = {}
    for panel in dict.fromkeys(run.panel for run in runs):
        of_panel = [run for run in runs if run.panel == panel]
        panels[panel] = [_means(of_panel, x) for x in dict.fromkeys(label for run in of_panel for label in run.xs)]
    return coincidence.caption(panels)


def _name(axes: Axes, level: float) -> None:
    """Writes the target beside the axes."""
    place: dict[str, Any] = {"xytext": (3, 0), "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(
        f"target\n{level:g}", (1, level), xycoords=("axes fraction", "data"), va="center", fontsize=7, **place
    )
