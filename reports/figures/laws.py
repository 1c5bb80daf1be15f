"""Draws laws as lines, and measured values as points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import canvas, coincidence
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import LineLook, looks, numbered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Law:
    """A law as a line, and measured values as points, at the same positions or at `measured_xs`.

    spans: (low, high) of each measured point, if there are any. key: of a method's row, if it is a method's line.
    """

    label: str
    xs: Sequence[float]
    law: Sequence[float] = ()
    measured_xs: Sequence[float] = ()
    measured: Sequence[float] = ()
    key: str = ""
    spans: Sequence[tuple[float, float]] = ()

    @property
    def points(self) -> list[tuple[float, float]]:
        """The measured points."""
        return list(zip(self.measured_xs or self.xs, self.measured, strict=True)) if self.measured else []


@dataclass(frozen=True)
class Panel:
    """Laws that share axes."""

    title: str
    x_label: str
    y_label: str
    laws: Sequence[Law]
    log_x: bool = False


def laws(panels: Sequence[Panel], stem: Path, *, title: str) -> tuple[Path, ...]:
    """Draws laws as lines and measured values as points of the same colour.

    The same label looks the same in every panel. Lines between measured points that coincide differ in width.
    Raises ResultsError where the files cannot be written.
    """
    looks_of = _looks([law for panel in panels for law in panel.laws])
    columns = min(len(panels), canvas.ABREAST)
    rows = math.ceil(len(panels) / columns)
    wide = canvas.COLUMN if columns == 1 else canvas.TEXT
    sizes = Sizes((3.9 * columns + 1.4, 3.1 * rows + 0.5), (wide, 2.2 * rows), list(looks_of))

    def paint(figure: Figure, medium: Medium) -> None:
        grid = canvas.panels(figure, len(panels))
        for axes, panel in zip(grid, panels, strict=True):
            _panel(axes, panel, looks_of, medium)
        canvas.legend(figure, grid, medium)

    return canvas.picture(paint, stem, sizes, title)


def _looks(every: Sequence[Law]) -> dict[str, LineLook]:
    """Returns looks by label: methods look as everywhere, all else has the other colours."""
    of_methods = looks(law.key for law in every if law.key)
    of_labels = {law.label: of_methods[law.key] for law in every if law.key}
    taken = {look.colour for look in of_labels.values()}
    others = (look for look in map(numbered, count()) if look.colour not in taken)
    return {label: of_labels.get(label) or next(others) for label in dict.fromkeys(law.label for law in every)}


def _panel(axes: Axes, panel: Panel, looks_of: Mapping[str, LineLook], medium: Medium) -> None:
    axes.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    if panel.log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    width = coincidence.widths({law.label: law.points for law in panel.laws if law.measured and not law.law})
    for law in panel.laws:
        _draw(axes, law, looks_of[law.label], medium, width.get(law.label, 1.0))
    negative = any(value < 0 for law in panel.laws for value in (*law.law, *law.measured))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]) if negative else -0.02 * axes.get_ylim()[1])


def _draw(axes: Axes, law: Law, look: LineLook, medium: Medium, width: float) -> None:
    line: dict[str, Any] = {"color": look.colour, "linewidth": 0.7 * medium.line * width}
    points: dict[str, Any] = {**look.points, "markersize": medium.marker}
    if law.law:
        axes.plot(law.xs, law.law, **line)
    if law.spans:
        axes.vlines(law.measured_xs or law.xs, *zip(*law.spans, strict=True), color=look.colour, linewidth=medium.line)
    if law.measured:
        style = "none" if law.law else look.line["linestyle"]
        axes.plot(law.measured_xs or law.xs, law.measured, **line | points | {"linestyle": style})
    shown = points if law.measured else {}
    style = "-" if law.law else look.line["linestyle"]
    axes.plot([], [], label=law.label, **line | shown | {"linestyle": style})  # for the legend
