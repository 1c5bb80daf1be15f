"""Accuracy over the learning rate, method by method: what a search has tried, and what it chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import DASHES, MARKERS, PANELS_ABREAST
from reports.figures.canvas import colour, drawing, legend, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class RateCurve:
    """One method on one network. accuracies: percent, one per rate; None where a run diverged.

    published: the table's own rate. best: the one that was chosen, one of `rates`.
    """

    label: str
    panel: str
    rates: Sequence[float]
    accuracies: Sequence[float | None]
    published: float
    best: float


def rates(curves: Sequence[RateCurve], stem: Path, *, title: str) -> tuple[Path, Path]:
    """A panel per network, its learning rates on a logarithmic axis; the best is filled, the published a vertical line.

    A cross on the lower edge is a rate at which a run diverged. Raises ResultsError where the files cannot be written.
    """
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    labels = list(dict.fromkeys(curve.label for curve in curves))
    columns = min(len(panels), PANELS_ABREAST)
    rows = -(-len(panels) // columns)
    with drawing((4.6 * columns + 2.4, 3.4 * rows + 0.7)) as figure:
        grid = [axes for row in figure.subplots(rows, columns, squeeze=False) for axes in row]
        for axes in grid[len(panels) :]:
            axes.remove()
        for axes, panel in zip(grid, panels, strict=False):
            mine = [curve for curve in curves if curve.panel == panel]
            axes.set(title=panel, xlabel="learning rate", ylabel="best accuracy (%), tuning seeds")
            for curve in mine:
                _draw(axes, curve, labels.index(curve.label))
            _axis(axes, mine)
        figure.suptitle(title, x=0.01, ha="left")
        legend(figure, grid[: len(panels)])
        return save(figure, stem)


def _draw(axes: Axes, curve: RateCurve, number: int) -> None:
    look: dict[str, Any] = {"color": colour(number), "linestyle": DASHES[number // 2 % len(DASHES)], "linewidth": 1.2}
    points: dict[str, Any] = {"marker": MARKERS[number % len(MARKERS)], "markersize": 5, "markerfacecolor": "white"}
    tried = sorted(zip(curve.rates, curve.accuracies, strict=True))
    known = [(rate, accuracy) for rate, accuracy in tried if accuracy is not None]
    axes.plot([rate for rate, _ in known], [y for _, y in known], label=curve.label, **look, **points)
    top = [(rate, accuracy) for rate, accuracy in known if rate == curve.best]
    filled = {**points, "markerfacecolor": colour(number), "markersize": 7}
    axes.plot([rate for rate, _ in top], [y for _, y in top], color=colour(number), linestyle="none", **filled)
    lost = [rate for rate, accuracy in tried if accuracy is None]
    spread = 0.03 + 0.025 * number  # so that the crosses of several methods do not hide each other
    place = axes.get_xaxis_transform()
    axes.plot(lost, [spread] * len(lost), "x", color=colour(number), transform=place, clip_on=False)


def _axis(axes: Axes, curves: Sequence[RateCurve]) -> None:
    axes.set_xscale("log")
    ticks = sorted({rate for curve in curves for rate in curve.rates})
    if len(ticks) <= 9:
        axes.set_xticks(ticks, [f"{rate:.3g}" for rate in ticks])
        axes.set_xticks([], minor=True)
    for rate in sorted({curve.published for curve in curves}):
        axes.axvline(rate, color="black", linewidth=0.8, linestyle=(0, (1, 2)))
        place: dict[str, Any] = {"xytext": (-3, 4), "textcoords": "offset points", "rotation": 90}
        axes.annotate("published", (rate, 0), xycoords=("data", "axes fraction"), ha="right", fontsize=7, **place)
    if any(accuracy is None for curve in curves for accuracy in curve.accuracies):
        axes.plot([], [], "x", color="black", linestyle="none", label="diverged")
