"""Draws differences over budgets: points with intervals, a line through them, and a dotted forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import DASHES, LineLook, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

APART = 0.055
"""Least distance of two labels, in heights of the axes."""
LABELS = 0.55
"""Room for the labels at the right, in widths of the lines' part of the axis."""


@dataclass(frozen=True)
class Point:
    """A value at a budget, with its interval if it has one."""

    budget: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """A row's differences. fitted: both ends of the line through them. ahead: the forecast."""

    key: str
    label: str
    points: Sequence[Point]
    fitted: tuple[tuple[float, float], tuple[float, float]] | None = None
    ahead: Point | None = None

    @property
    def end(self) -> Point:
        return self.ahead or self.points[-1]


@dataclass(frozen=True)
class Panel:
    """Lines that share axes."""

    title: str
    lines: Sequence[Line]


def trends(panels: Sequence[Panel], stem: Path, *, title: str, y_label: str) -> tuple[Path, ...]:
    """Draws the panels below each other, each line labelled where it ends.

    Raises ResultsError where the files cannot be written.
    """
    looks_of = looks(line.key for panel in panels for line in panel.lines)
    sizes = Sizes((7.2, 3.6 * len(panels) + 0.4), (canvas.TEXT, 2.6 * len(panels)))

    def paint(figure: Figure, medium: Medium) -> None:
        for (axes,), panel in zip(figure.subplots(len(panels), squeeze=False), panels, strict=True):
            _panel(axes, panel, looks_of, medium)
            axes.set(title=panel.title, xlabel="budget, times the samples of scale small", ylabel=y_label)

    return canvas.picture(paint, stem, sizes, title)


def _panel(axes: Axes, panel: Panel, looks_of: Mapping[str, LineLook], medium: Medium) -> None:
    axes.set_xscale("log")
    for number, line in enumerate(panel.lines):
        _draw(axes, line, looks_of[line.key], medium, 1 + 0.025 * (number - len(panel.lines) / 2))
    ahead = [line.ahead.budget for line in panel.lines if line.ahead is not None]
    budgets = sorted({point.budget for line in panel.lines for point in line.points})
    last = max([*budgets, *ahead])
    axes.set_xlim(budgets[0] / 1.3, last * max(2.0, last / budgets[0]) ** LABELS)
    axes.plot([budgets[0] / 1.3, last * 1.1], [0, 0], color="black", linewidth=0.8)
    ticks = {**{budget: f"{budget:.0f}" for budget in budgets}, **({ahead[0]: "paper,\nforecast"} if ahead else {})}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xticks([], minor=True)
    _label(axes, panel.lines, looks_of, last)


def _draw(axes: Axes, line: Line, look: LineLook, medium: Medium, beside: float) -> None:
    """Draws one line. beside: moves its points a little, so that intervals do not hide each other."""
    thin: dict[str, Any] = {"color": look.colour, "linewidth": 0.7 * medium.line}
    for point in (*line.points, *([line.ahead] if line.ahead else [])):
        style: dict[str, Any] = {"linestyle": DASHES["dotted"] if point is line.ahead else "-"}
        if point.low is not None and point.high is not None:
            axes.plot([point.budget * beside] * 2, [point.low, point.high], **thin, **style)
    xs, ys = [point.budget * beside for point in line.points], [point.value for point in line.points]
    axes.plot(xs, ys, **look.points, linestyle="none", markersize=medium.marker)
    if line.fitted is not None:
        axes.plot(*zip(*line.fitted, strict=True), **thin)
    if line.fitted is not None and line.ahead is not None:
        (_, last), ahead = line.fitted, line.ahead
        axes.plot([last[0], ahead.budget], [last[1], ahead.value], **thin, linestyle=DASHES["dotted"])


def _label(axes: Axes, lines: Sequence[Line], looks_of: Mapping[str, LineLook], last: float) -> None:
    """Writes each line's label beside its end, one above the other where they would touch."""
    low, high = axes.get_ylim()
    below = -float("inf")
    for line in sorted(lines, key=lambda line: line.end.value):
        place = max((line.end.value - low) / (high - low), below + APART)
        below = place
        axes.annotate(
            line.label,
            (last * 1.25, low + place * (high - low)),
            color=looks_of[line.key].colour,
            verticalalignment="center",
            annotation_clip=False,
        )
