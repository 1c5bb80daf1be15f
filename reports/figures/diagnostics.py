"""Draws staleness layer by layer, and the factors of a speed-up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import canvas, coincidence
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import LineLook, drawable, looks
from reports.speedups import FACTORS, SpeedupSplit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FULL_NAMES = 12
"""Layers whose names all fit below an axis; of more, every second or third one is named."""
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50)
"""Ticks of a logarithmic axis of speed-ups."""


@dataclass(frozen=True)
class Ageing:
    """Age of a method's gradients, layer by layer. updates, seconds: a mean over seeds for each layer.

    key: of the method's row.
    """

    label: str
    panel: str
    layers: Sequence[str]
    updates: Sequence[float]
    seconds: Sequence[float]
    key: str

    def points(self, field: str) -> list[tuple[float, float]]:
        """Points (layer number, value) of `field`: "updates" or "seconds"."""
        return [(float(number), value) for number, value in enumerate(getattr(self, field))]


def staleness(values: Sequence[Ageing], stem: Path, *, title: str, seconds: str) -> tuple[Path, ...]:
    """Draws a row of panels per network: staleness in updates, and in seconds, from the first layer to the last.

    seconds: the second panel's label. Lines that coincide differ in width. Raises ResultsError where the files cannot
    be written.
    """
    panels = list(dict.fromkeys(ageing.panel for ageing in values))
    labels, looks_of = list(dict.fromkeys(ageing.label for ageing in values)), looks(ageing.key for ageing in values)
    screen = (10.8, max(2.8 * len(panels), 0.19 * len(labels)) + 0.9)
    sizes = Sizes(screen, (canvas.COLUMN, 1.8 * len(panels)), labels)

    def paint(figure: Figure, medium: Medium) -> None:
        grid = figure.subplots(len(panels), 2, squeeze=False)
        for row, panel in zip(grid, panels, strict=True):
            shown = [ageing for ageing in values if ageing.panel == panel]
            for axes, field, name in zip(row, ("updates", "seconds"), ("others' updates", seconds), strict=True):
                _ages(axes, shown, field, looks_of, medium)
                axes.set(title=drawable(panel), ylabel=name)
                axes.set_ylim(bottom=0)
                _names(axes, shown[0].layers, FULL_NAMES if medium.titled else FULL_NAMES // 2)
        canvas.legend(figure, [axes for row in grid for axes in row], medium)

    return canvas.picture(paint, stem, sizes, title)


def coinciding(values: Sequence[Ageing]) -> str:
    """Returns a sentence for a caption on the methods whose lines coincide in both panels; "" where there are none."""
    panels = {}
    for panel in dict.fromkeys(ageing.panel for ageing in values):
        shown = [ageing for ageing in values if ageing.panel == panel]
        panels[panel] = [{ageing.label: ageing.points(field) for ageing in shown} for field in ("updates", "seconds")]
    return coincidence.caption(panels)


def draw(axes: Axes, values: Sequence[Ageing], field: str) -> None:
    """Draws the staleness layer by layer into the caller's axes. field: "updates" or "seconds"."""
    _ages(axes, values, field, looks(ageing.key for ageing in values), canvas.SCREEN)
    _names(axes, values[0].layers, FULL_NAMES)
    axes.set_ylim(bottom=0)


def _ages(axes: Axes, shown: Sequence[Ageing], field: str, looks_of: Mapping[str, LineLook], medium: Medium) -> None:
    width = coincidence.widths({ageing.label: ageing.points(field) for ageing in shown})
    for number, ageing in enumerate(shown):
        look = looks_of[ageing.key]
        step = max(1, len(ageing.layers) // FULL_NAMES + 1)
        marks: dict[str, Any] = {"markersize": 0.8 * medium.marker, "markevery": (number % step, step), **look.points}
        wide = 0.7 * medium.line * width[ageing.label]
        axes.plot(getattr(ageing, field), linewidth=wide, label=drawable(ageing.label), **look.line | marks)


def _names(axes: Axes, layers: Sequence[str], most: int) -> None:
    every = math.ceil(len(layers) / most)
    names = [drawable(name) for name in layers[::every]]
    axes.set_xticks(range(0, len(layers), every), names, rotation=45, ha="right", fontsize=7)


def splits(panels: Mapping[str, Sequence[SpeedupSplit]], stem: Path, *, title: str) -> tuple[Path, ...]:
    """Draws by panel and method the speed-up and its two factors, each with its interval if it has one.

    The axis is logarithmic, so that the factors' distances from 1 add up. Raises ResultsError where the files cannot
    be written.
    """
    most = max(len(values) for values in panels.values())
    wide = canvas.COLUMN if len(panels) == 1 else canvas.TEXT
    sizes = Sizes((4.6 * len(panels) + 1.9, 0.42 * most + 1.5), (wide, 0.26 * most + 0.55), list(FACTORS.values()))

    def paint(figure: Figure, medium: Medium) -> None:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (panel, values) in zip(grid, panels.items(), strict=True):
            _factors(axes, values, medium)
            axes.set(title=drawable(panel), xlabel="times as fast as the slowest")
        canvas.legend(figure, grid, medium)

    return canvas.picture(paint, stem, sizes, title)


def _factors(axes: Axes, splits_shown: Sequence[SpeedupSplit], medium: Medium) -> None:
    """Speed-ups are black; their parts, which are no methods and so have no colour, are grey."""
    ys = [-float(number) for number in range(len(splits_shown))]
    factors = [split.factor(name) for split in splits_shown for name in FACTORS]
    ends = [end for factor in factors for end in factor.ends if end == factor.value or TICKS[0] <= end <= TICKS[-1]]
    low, high = min([*ends, 0.8]) / 1.15, max([*ends, 1.25]) * 1.15
    looks_of = zip(FACTORS.items(), ((0.0, "D", "black"), (0.26, "<", "0.45"), (-0.26, ">", "0.45")), strict=True)
    for (name, label), (offset, marker, shade) in looks_of:
        of_name = [split.factor(name) for split in splits_shown]
        for y, factor in zip(ys, of_name, strict=True):
            if (interval := factor.interval) is not None:
                # An end beyond the ticks reaches the edge of the axes.
                xs = max(interval.low, low / 2), min(interval.high, 2 * high)
                axes.plot(xs, [y + offset] * 2, color=shade, linewidth=0.7 * medium.line)
        point: dict[str, Any] = {"color": shade, "markerfacecolor": "white", "markersize": medium.marker}
        axes.plot([factor.value for factor in of_name], [y + offset for y in ys], marker, label=label, **point)
    axes.set(xscale="log", xlim=(low, high))
    axes.axvline(1, color="black", linewidth=0.8, zorder=1)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_yticks(ys, [drawable(split.label) for split in splits_shown])
    axes.set_ylim(min(ys) - 0.6, 0.6)
    axes.grid(visible=False, axis="y")
