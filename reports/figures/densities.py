"""Draws densities: a measured histogram and the lines of formulas, panel by panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = (("-", 1.45), ("--", 0.9), (":", 1.05))
"""Dashes, and widths in those of a line: a line below another stays visible."""
_HEADROOM = 1.25  # above the highest line, for a remark


@dataclass(frozen=True)
class Density:
    """One panel. heights: per bin, one fewer than edges. lines: label -> values at xs. remark: stands in the panel.

    `limits` are those of the horizontal axis.
    """

    title: str
    edges: Sequence[float]
    heights: Sequence[float]
    xs: Sequence[float]
    lines: Mapping[str, Sequence[float]]
    limits: tuple[float, float]
    remark: str = ""


def densities(
    rows: Sequence[Sequence[Density]], labels: Sequence[str], stem: Path, *, title: str, x_label: str
) -> tuple[Path, ...]:
    """Draws rows of panels of equal length. labels: of the lines, in the order that decides their looks.

    The same data give the same bytes (per version of matplotlib). Raises ResultsError where files cannot be written.
    """
    many = len(rows), len(rows[0])
    sizes = Sizes(
        (max(7.0, 3.3 * many[1] + 0.4), 2.5 * many[0] + 0.9),
        (canvas.COLUMN if many[1] == 1 else canvas.TEXT, 1.6 * many[0]),
        ["measured", *labels],
    )

    def paint(figure: Figure, medium: Medium) -> None:
        grid = figure.subplots(*many, squeeze=False)
        for line, panels in zip(grid, rows, strict=True):
            for axes, panel in zip(line, panels, strict=True):
                _draw(axes, panel, labels, medium)
            line[0].set_ylabel("density")
        for axes in grid[-1]:
            axes.set_xlabel(x_label)
        handles = {
            label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=2)

    return canvas.picture(paint, stem, sizes, title)


def _draw(axes: Axes, panel: Density, labels: Sequence[str], medium: Medium) -> None:
    axes.stairs(panel.heights, panel.edges, fill=True, color=colour(0), alpha=0.4, linewidth=0, label="measured")
    for number, label in enumerate(labels):
        if label in panel.lines:
            dashes, width = _LINES[number % len(_LINES)]
            look: dict[str, Any] = {"color": colour(number + 1), "linestyle": dashes}
            axes.plot(panel.xs, panel.lines[label], label=label, linewidth=width * medium.line, **look)
    axes.set_title(panel.title)
    axes.set_xlim(*panel.limits)
    axes.set_ylim(0, axes.get_ylim()[1] * (_HEADROOM if panel.remark else 1.0))
    if panel.remark:
        axes.text(0.5, 0.97, panel.remark, transform=axes.transAxes, ha="center", va="top", fontsize=7)
