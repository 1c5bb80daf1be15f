"""Draws values of methods in groups: a dot each with its interval, and hollow diamonds for published values.

Bars would mislead: on a logarithmic axis, which has no zero, their length means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import LineLook, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPREAD = 0.7
"""Width of a group of dots, as a share of the distance of two groups."""


@dataclass(frozen=True)
class Dot:
    """A method's value in one group, such as a setting. key: of the method's row.

    measured and published may be missing; low, high: of the measured mean's interval, if it has one.
    """

    group: str
    label: str
    key: str
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    published: float | None = None


def dots(
    values: Sequence[Dot], stem: Path, *, title: str, y_label: str, log_y: bool = False, published: str = "published"
) -> tuple[Path, ...]:
    """Draws groups side by side, each with the methods in their order. published: the diamonds' name in the legend.

    Raises ResultsError where the files cannot be written.
    """
    groups = list(dict.fromkeys(dot.group for dot in values))
    first = {dot.label: dot.key for dot in reversed(values)}
    labels = list(dict.fromkeys(dot.label for dot in values))
    looks_of = looks(first[label] for label in labels)
    steps = {label: SPREAD * ((place + 0.5) / len(labels) - 0.5) for place, label in enumerate(labels)}
    sizes = Sizes(
        (max(5.0, 0.22 * len(groups) * (len(labels) + 1) + 2.6), 3.8), (canvas.COLUMN, 1.9), [*labels, published]
    )

    def paint(figure: Figure, medium: Medium) -> None:
        axes = figure.subplots()
        for label in labels:
            of_label = [(groups.index(dot.group) + steps[label], dot) for dot in values if dot.label == label]
            _draw(axes, of_label, looks_of[first[label]], label, medium)
        _published(axes, values, groups, steps, published, medium)
        axes.set_xticks(range(len(groups)), groups)
        axes.set_xlim(-0.5, len(groups) - 0.5)
        axes.grid(visible=False, axis="x")
        for between in range(1, len(groups)):
            axes.axvline(between - 0.5, color="0.85", linewidth=0.6)
        axes.set(ylabel=y_label, yscale="log" if log_y else "linear")
        canvas.legend(figure, [axes], medium)

    return canvas.picture(paint, stem, sizes, title)


def _draw(axes: Axes, of_label: Sequence[tuple[float, Dot]], look: LineLook, label: str, medium: Medium) -> None:
    for x, dot in of_label:
        if dot.low is not None and dot.high is not None:
            axes.plot([x, x], [dot.low, dot.high], color=look.colour, linewidth=0.7 * medium.line)
    points = [(x, dot.measured) for x, dot in of_label if dot.measured is not None]
    xs, ys = zip(*points, strict=True) if points else ((), ())
    mark: dict[str, Any] = {"color": look.colour, "markersize": medium.marker}
    axes.plot(xs, ys, look.marker, label=label, **mark)


def _published(
    axes: Axes,
    values: Sequence[Dot],
    groups: Sequence[str],
    steps: Mapping[str, float],
    label: str,
    medium: Medium,
) -> None:
    points = [
        (groups.index(dot.group) + steps[dot.label], dot.published) for dot in values if dot.published is not None
    ]
    if points:
        xs, ys = zip(*points, strict=True)
        look: dict[str, Any] = {"markerfacecolor": "white", "color": "black", "markersize": 0.9 * medium.marker}
        axes.plot(xs, ys, "d", label=label, **look)
