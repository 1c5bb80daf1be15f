"""Pictures, each as PNG and SVG: plain data and a path's stem go in, the two paths come out.

The same data give the same bytes (per version of matplotlib). Colour is never the only sign: dashes, markers or
hatches go with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures.canvas import colour, drawing, legend, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX*<>"
PANELS_ABREAST = 3


@dataclass(frozen=True)
class Curve:
    """One run's values. xs: axis label -> positions, such as {"epoch": ..., "simulated seconds": ...}.

    Curves with the same label and panel are the seeds of one method on one network.
    """

    label: str
    panel: str
    xs: Mapping[str, Sequence[float]]
    values: Sequence[float]


@dataclass(frozen=True)
class Law:
    """A law as a line, and what was measured as points on the same positions or on some of them."""

    label: str
    xs: Sequence[float]
    law: Sequence[float] = ()
    measured_xs: Sequence[float] = ()
    measured: Sequence[float] = ()


@dataclass(frozen=True)
class Panel:
    """Laws that share axes."""

    title: str
    x_label: str
    y_label: str
    laws: Sequence[Law]
    log_x: bool = False


@dataclass(frozen=True)
class Bar:
    """A method's value in one group, such as a setting; either number may be missing."""

    group: str
    label: str
    measured: float | None = None
    std: float | None = None
    published: float | None = None


def curves(
    runs: Sequence[Curve],
    stem: Path,
    *,
    title: str,
    y_label: str,
    targets: Mapping[str, float] | None = None,
) -> tuple[Path, Path]:
    """Learning curves: panels side by side, one row of panels per axis of `Curve.xs`; a single panel's axes abreast.

    Every seed is a thin line and their mean a thick one, as far as all seeds of it go. targets: panel -> a level to
    draw a line at. Raises ResultsError where the files cannot be written.
    """
    panels = list(dict.fromkeys(run.panel for run in runs))
    axes_labels = list(dict.fromkeys(label for run in runs for label in run.xs))
    labels = list(dict.fromkeys(run.label for run in runs))
    alone = len(panels) == 1
    rows, columns = (1, len(axes_labels)) if alone else (len(axes_labels), len(panels))
    with drawing((4.4 * columns + 1.6, 2.9 * rows + 0.6)) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharey="row" if alone else "col")
        places = [(panel, x_label) for x_label in axes_labels for panel in panels]
        for axes, (panel, x_label) in zip(grid.flat, places, strict=True):
            axes.set(title=panel, xlabel=x_label, ylabel=y_label)
            _draw_curves(axes, [run for run in runs if run.panel == panel], labels, x_label)
            if targets and panel in targets:
                _target(axes, targets[panel])
        figure.suptitle(title)
        legend(figure, list(grid.flat))
        return save(figure, stem)


def _draw_curves(axes: Axes, runs: Sequence[Curve], labels: Sequence[str], x_label: str) -> None:
    for number, label in enumerate(labels):
        seeds = [run for run in runs if run.label == label and x_label in run.xs]
        if not seeds:
            continue
        look: dict[str, Any] = {"color": colour(number), "linestyle": DASHES[number // 2 % len(DASHES)]}
        if len(seeds) > 1:
            for run in seeds:
                axes.plot(run.xs[x_label], run.values, linewidth=0.6, alpha=0.5, **look)
        xs = _mean([run.xs[x_label] for run in seeds])
        axes.plot(xs, _mean([run.values for run in seeds]), linewidth=1.8, label=label, **look)


def _mean(series: Sequence[Sequence[float]]) -> list[float]:
    """Position by position, as far as the shortest goes."""
    return [sum(values) / len(values) for values in zip(*series, strict=False)]


def _target(axes: Axes, level: float) -> None:
    axes.axhline(level, color="black", linewidth=0.8, linestyle=(0, (1, 2)))
    axes.annotate(
        f"target {level:g}", (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7
    )


def laws(panels: Sequence[Panel], stem: Path, *, title: str) -> tuple[Path, Path]:
    """Laws as lines and measured values as points of the same colour; at most three panels side by side.

    The same label looks the same in every panel. Raises ResultsError where the files cannot be written.
    """
    labels = list(dict.fromkeys(one.label for panel in panels for one in panel.laws))
    columns = min(len(panels), PANELS_ABREAST)
    rows = math.ceil(len(panels) / columns)
    with drawing((3.9 * columns + 1.4, 3.1 * rows + 0.5)) as figure:
        grid = [axes for row in figure.subplots(rows, columns, squeeze=False) for axes in row]
        for axes in grid[len(panels) :]:
            axes.remove()
        for axes, panel in zip(grid, panels, strict=False):
            axes.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
            if panel.log_x:
                axes.set_xscale("log", base=2)
                axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
            for one in panel.laws:
                _draw_law(axes, one, labels.index(one.label))
            axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]) if _negative(panel) else -0.02 * axes.get_ylim()[1])
        figure.suptitle(title)
        legend(figure, grid[: len(panels)])
        return save(figure, stem)


def _negative(panel: Panel) -> bool:
    return any(value < 0 for one in panel.laws for value in (*one.law, *one.measured))


def _draw_law(axes: Axes, one: Law, number: int) -> None:
    look: dict[str, Any] = {"color": colour(number), "linewidth": 1.2}
    points: dict[str, Any] = {"marker": MARKERS[number % len(MARKERS)], "markersize": 5, "markerfacecolor": "white"}
    if one.law:
        axes.plot(one.xs, one.law, **look)
    if one.measured:
        axes.plot(one.measured_xs or one.xs, one.measured, linestyle="none" if one.law else ":", **look, **points)
    shown = points if one.measured else {}
    axes.plot([], [], linestyle="-" if one.law else ":", label=one.label, **look, **shown)  # for the legend


def bars(
    values: Sequence[Bar],
    stem: Path,
    *,
    title: str,
    y_label: str,
    published_label: str = "published",
    log_y: bool = False,
) -> tuple[Path, Path]:
    """Bars of one method each, grouped; published values stand beside them as hollow markers, std as whiskers."""
    groups = list(dict.fromkeys(bar.group for bar in values))
    labels = list(dict.fromkeys(bar.label for bar in values))
    with drawing((max(5.0, 0.32 * len(groups) * (len(labels) + 1) + 2.6), 3.8)) as figure:
        axes = figure.subplots()
        width = 0.8 / len(labels)
        for number, label in enumerate(labels):
            offset = (number - (len(labels) - 1) / 2) * width
            mine = [(groups.index(bar.group) + offset, bar) for bar in values if bar.label == label]
            _draw_bars(axes, mine, width, number, label)
        _draw_published(axes, values, groups, labels, width, published_label)
        axes.set_xticks(range(len(groups)), groups)
        axes.grid(visible=False, axis="x")
        axes.set(title=title, ylabel=y_label, yscale="log" if log_y else "linear")
        legend(figure, [axes])
        return save(figure, stem)


def _draw_bars(axes: Axes, mine: Sequence[tuple[float, Bar]], width: float, number: int, label: str) -> None:
    there = [(x, bar.measured, bar.std or 0.0) for x, bar in mine if bar.measured is not None]
    axes.bar(
        [x for x, _, _ in there],
        [height for _, height, _ in there],
        0.92 * width,
        color=colour(number),
        hatch=("", "///", "...", "\\\\\\")[number % 4],
        edgecolor="white",
        linewidth=0.0,
        label=label,
    )
    spread = [(x, height, std) for x, height, std in there if std]
    if spread:
        xs, heights, stds = zip(*spread, strict=True)
        axes.errorbar(xs, heights, stds, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)


def _draw_published(
    axes: Axes, values: Sequence[Bar], groups: Sequence[str], labels: Sequence[str], width: float, label: str
) -> None:
    middle = (len(labels) - 1) / 2
    there = [
        (groups.index(bar.group) + (labels.index(bar.label) - middle) * width, bar.published)
        for bar in values
        if bar.published is not None
    ]
    if there:
        xs, heights = zip(*there, strict=True)
        axes.plot(xs, heights, "D", markersize=5, markerfacecolor="white", color="black", label=label)
