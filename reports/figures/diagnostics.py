"""Pictures of the report alone: staleness layer by layer, and what a speed-up is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import DASHES, MARKERS
from reports.figures.canvas import colour, drawing, legend, save
from reports.speedups import SpeedupSplit
from reports.tables.texts import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FULL_NAMES = 12
"""Layers whose names all fit below an axis; of more, every second or third one is named."""


def drawable(label: str) -> str:
    """A label as matplotlib shows it literally: no mathematics, no control characters, not hidden from legends."""
    text = printable(label).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


@dataclass(frozen=True)
class Ageing:
    """How old a method's gradients are, layer by layer. updates, seconds: one mean per layer, over seeds."""

    label: str
    panel: str
    layers: Sequence[str]
    updates: Sequence[float]
    seconds: Sequence[float]


def staleness(values: Sequence[Ageing], stem: Path, *, title: str, seconds: str) -> tuple[Path, Path]:
    """A row of panels per network: staleness in updates, and in seconds, from the first layer to the last.

    seconds: the label of the second. Raises ResultsError where the files cannot be written.
    """
    panels = list(dict.fromkeys(one.panel for one in values))
    labels = list(dict.fromkeys(one.label for one in values))
    with drawing((10.8, max(2.8 * len(panels), 0.19 * len(labels)) + 0.9)) as figure:
        grid = figure.subplots(len(panels), 2, squeeze=False)
        for row, panel in zip(grid, panels, strict=True):
            mine = [one for one in values if one.panel == panel]
            for axes, field, name in zip(row, ("updates", "seconds"), ("others' updates", seconds), strict=True):
                for one in mine:
                    _line(axes, getattr(one, field), labels.index(one.label), one.label)
                axes.set(title=panel, ylabel=name)
                axes.set_ylim(bottom=0)
                _names(axes, mine[0].layers)
        figure.suptitle(title, x=0.01, ha="left")
        legend(figure, [axes for row in grid for axes in row])
        return save(figure, stem)


def _line(axes: Axes, ys: Sequence[float], number: int, label: str) -> None:
    look: dict[str, Any] = {"linewidth": 1.1, "markersize": 4, "markerfacecolor": "white", "label": label}
    style = MARKERS[number % len(MARKERS)], DASHES[number // 2 % len(DASHES)]
    axes.plot(range(len(ys)), ys, marker=style[0], linestyle=style[1], color=colour(number), **look)


def _names(axes: Axes, layers: Sequence[str]) -> None:
    every = math.ceil(len(layers) / FULL_NAMES)
    names = [drawable(name) for name in layers[::every]]
    axes.set_xticks(range(0, len(layers), every), names, rotation=45, ha="right", fontsize=7)


def splits(panels: Mapping[str, Sequence[SpeedupSplit]], stem: Path, *, title: str) -> tuple[Path, Path]:
    """Per panel and method the two factors of the speed-up as bars, on a logarithmic axis on which they add up.

    A diamond marks their product. Raises ResultsError where the files cannot be written.
    """
    most = max(len(found) for found in panels.values())
    with drawing((4.6 * len(panels) + 1.9, 0.42 * most + 1.5)) as figure:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (panel, found) in zip(grid, panels.items(), strict=True):
            _factors(axes, found)
            axes.set(title=panel, xlabel="times as fast as the slowest")
        figure.suptitle(title, x=0.01, ha="left")
        legend(figure, grid)
        return save(figure, stem)


def _factors(axes: Axes, found: Sequence[SpeedupSplit]) -> None:
    ys = [-float(number) for number in range(len(found))]
    parts = (("by fewer epochs", "by_epochs", 0.2, ""), ("by faster epochs", "by_seconds", -0.2, "///"))
    for number, (name, field, offset, hatch) in enumerate(parts):
        factors = [getattr(one, field) for one in found]
        look: dict[str, Any] = {"color": colour(number), "hatch": hatch, "edgecolor": "white", "linewidth": 0.0}
        axes.barh([y + offset for y in ys], [f - 1 for f in factors], 0.36, left=1, label=name, **look)
    product: dict[str, Any] = {"color": "black", "markerfacecolor": "white", "markersize": 6}
    axes.plot([one.speedup for one in found], ys, "D", label="speed-up, their product", **product)
    values = [value for one in found for value in (one.speedup, one.by_epochs, one.by_seconds)]
    low, high = min([*values, 0.8]), max([*values, 1.25])
    axes.set_xscale("log")
    axes.set_xlim(low / 1.15, high * 1.15)
    axes.axvline(1, color="black", linewidth=0.8)
    ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50) if low / 1.15 <= t <= high * 1.15]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_yticks(ys, [drawable(one.label) for one in found])
    axes.set_ylim(min(ys) - 0.6, 0.6)
    axes.grid(visible=False, axis="y")
