"""Draws the best values over the learning rates that a search has tried, method by method, and its choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import LineLook, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL_TICKS = 6
"""Labels of ticks that fit beside each other."""


@dataclass(frozen=True)
class RateCurve:
    """One method on one network. values: one per rate; None where a run diverged.

    published: the table's own rate. best: the one that was chosen, one of `rates`. key: of the method's row.
    """

    label: str
    panel: str
    rates: Sequence[float]
    values: Sequence[float | None]
    published: float
    best: float
    key: str


def rates(curves: Sequence[RateCurve], stem: Path, *, title: str, y_label: str) -> tuple[Path, ...]:
    """Draws a panel per network over learning rates; the best rate is filled, the published one a vertical line.

    A cross on the lower edge is a rate at which a run diverged. Raises ResultsError where the files cannot be written.
    """
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    labels = list(dict.fromkeys(curve.label for curve in curves))
    looks_by_key = looks(curve.key for curve in curves)
    columns = min(len(panels), canvas.ABREAST)
    rows = -(-len(panels) // columns)
    wide = canvas.COLUMN if columns == 1 else canvas.TEXT
    sizes = Sizes((4.6 * columns + 2.4, 3.4 * rows + 0.7), (wide, 1.9 * rows), [*labels, "published", "diverged"])

    def paint(figure: Figure, medium: Medium) -> None:
        grid = canvas.panels(figure, len(panels))
        for axes, panel in zip(grid, panels, strict=True):
            of_panel = [curve for curve in curves if curve.panel == panel]
            axes.set(xlabel="learning rate", ylabel=f"best {y_label}, tuning seeds" if medium.titled else y_label)
            axes.set_title(panel)
            for number, curve in enumerate(of_panel):
                _draw(axes, curve, looks_by_key[curve.key], number, medium)
            _axis(axes, of_panel)
        canvas.legend(figure, grid, medium)

    return canvas.picture(paint, stem, sizes, title)


def _draw(axes: Axes, curve: RateCurve, look: LineLook, number: int, medium: Medium) -> None:
    line: dict[str, Any] = {**look.line, **look.points, "linewidth": 0.7 * medium.line, "markersize": medium.marker}
    tried = sorted(zip(curve.rates, curve.values, strict=True))
    reached = [(rate, value) for rate, value in tried if value is not None]
    axes.plot([rate for rate, _ in reached], [y for _, y in reached], label=curve.label, **line)
    top = [(rate, value) for rate, value in reached if rate == curve.best]
    filled: dict[str, Any] = {"color": look.colour, "linestyle": "none", "markersize": 1.4 * medium.marker}
    axes.plot([rate for rate, _ in top], [y for _, y in top], marker=look.marker, **filled)
    lost = [rate for rate, value in tried if value is None]
    spread = 0.03 + 0.025 * number  # so that the crosses of several methods do not hide each other
    place = axes.get_xaxis_transform()
    axes.plot(lost, [spread] * len(lost), "x", color=look.colour, transform=place, clip_on=False)


def _axis(axes: Axes, curves: Sequence[RateCurve]) -> None:
    axes.set_xscale("log")
    ticks = sorted({rate for curve in curves for rate in curve.rates})
    if len(ticks) <= 9:
        axes.set_xticks(ticks, [f"{rate:.3g}" for rate in ticks], rotation=45 if len(ticks) > LEVEL_TICKS else 0)
        axes.set_xticks([], minor=True)
    for number, rate in enumerate(sorted({curve.published for curve in curves})):
        look: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": (0, (1, 2))}
        axes.axvline(rate, label=None if number else "published", **look)
    if any(value is None for curve in curves for value in curve.values):
        axes.plot([], [], "x", color="black", linestyle="none", label="diverged")
