"""Densities: a histogram of what was measured, and the lines that formulas give, panel by panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.figures.canvas import colour, drawing, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = (("-", 2.6), ("--", 1.6), (":", 1.9))
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
) -> tuple[Path, Path]:
    """A grid of panels, of rows of equal length. labels: those of the lines, which fixes their looks in every panel.

    The same data give the same bytes (per version of matplotlib). Raises ResultsError where files cannot be written.
    """
    with drawing((max(7.0, 3.3 * len(rows[0]) + 0.4), 2.5 * len(rows) + 0.9)) as figure:
        grid = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for line, panels in zip(grid, rows, strict=True):
            for axes, panel in zip(line, panels, strict=True):
                _draw(axes, panel, labels)
            line[0].set_ylabel("density")
        for axes in grid[-1]:
            axes.set_xlabel(x_label)
        figure.suptitle(title)
        known = {line: look for axes in grid.flat for look, line in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(list(known.values()), list(known), loc="outside lower center", ncols=2)
        return save(figure, stem)


def _draw(axes: Axes, panel: Density, labels: Sequence[str]) -> None:
    axes.stairs(panel.heights, panel.edges, fill=True, color=colour(0), alpha=0.4, linewidth=0, label="measured")
    for number, label in enumerate(labels):
        if label in panel.lines:
            dashes, width = _LINES[number % len(_LINES)]
            shade = colour(number + 1)
            axes.plot(panel.xs, panel.lines[label], label=label, color=shade, linestyle=dashes, linewidth=width)
    axes.set_title(panel.title)
    axes.set_xlim(*panel.limits)
    axes.set_ylim(0, axes.get_ylim()[1] * (_HEADROOM if panel.remark else 1.0))
    if panel.remark:
        axes.text(0.5, 0.97, panel.remark, transform=axes.transAxes, ha="center", va="top", fontsize=7)
