"""Draws a timeline: workers as rows, layers as bars, arrows for waits (paper A, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["forward", "backward", "update", "exchange", "snapshot"]
LETTERS = {"forward": "F", "backward": "B"}
HATCHES = {"forward": "", "backward": "/////", "exchange": "xxx", "snapshot": "...", "update": ""}
NAMES = {
    "forward": "forward pass, F",
    "backward": "backward pass, B",
    "update": "update",
    "exchange": "all-reduce or average",
    "snapshot": "snapshot of weights",
}
MARKS = {"exchange": "o", "snapshot": "."}
GREY, DARK = "0.8", "0.25"
_HALF = 0.27  # of a bar's height, in rows
_SCREEN_INCHES, _PAPER_INCHES = 7.3, 5.9  # of the time axis, about
_LEGEND_LAYERS = 20


@dataclass(frozen=True, slots=True)
class WorkerBar:
    """An action of a worker, from start to end. layer: None for several. batch: None for an action on no batch.

    An update, or an action that took no time, becomes a mark.
    """

    row: str
    kind: Kind
    layer: int | None
    batch: int | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from a moment in one row to a moment in another. layer: colours the arrow; None for a loss."""

    from_row: str
    start: float
    to_row: str
    end: float
    layer: int | None = None


def timeline(
    rows: Sequence[str],
    layers: Sequence[str],
    bars: Sequence[WorkerBar],
    arrows: Sequence[Arrow],
    stem: Path,
    *,
    title: str,
    x_label: str,
) -> tuple[Path, ...]:
    """Draws a timeline -> the paths of its files. rows: the workers, from the top. layers: names by index.

    Raises ResultsError where the files cannot be written.
    """
    shades = _shades(len(layers))
    sizes = Sizes(
        (10.5, 1.5 + 0.85 * len(rows)),
        (canvas.TEXT, 0.6 + 0.6 * len(rows)),
        list(_entries(layers, shades, bars, arrows)),
    )

    def paint(figure: Figure, medium: Medium) -> None:
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(x_label)
        _fill(axes, rows, layers, bars, arrows, shades, medium)
        canvas.key(figure, _entries(layers, shades, bars, arrows), medium)

    return canvas.picture(paint, stem, sizes, title)


def _fill(
    axes: Axes,
    rows: Sequence[str],
    layers: Sequence[str],
    bars: Sequence[WorkerBar],
    arrows: Sequence[Arrow],
    shades: Sequence[Any],
    medium: Medium,
) -> None:
    until = max((bar.end for bar in bars), default=1.0)
    inches = _SCREEN_INCHES if medium.titled else _PAPER_INCHES
    heights = {row: -float(number) for number, row in enumerate(rows)}
    axes.set_yticks([heights[row] for row in rows], [row.replace(" on ", "\non ") for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, until * 1.01), ylim=(min(heights.values()) - 0.6, 0.7))
    for bar in bars:
        name = "" if bar.layer is None else layers[bar.layer]
        room = (bar.end - bar.start) / until * inches >= 0.09 + 0.065 * len(name)
        _draw(axes, bar, heights[bar.row], shades, name if room else "")
    for row, letter, batch, start in _passes(bars):
        axes.text(start + 0.006 * until, heights[row] + _HALF + 0.03, f"${letter}_{{{batch}}}$", va="bottom")
    for arrow in arrows:
        _arrow(axes, arrow, heights, shades)


def _draw(axes: Axes, bar: WorkerBar, y: float, shades: Sequence[Any], name: str) -> None:
    from matplotlib.patches import Rectangle

    shade = DARK if bar.layer is None or bar.kind == "update" else shades[bar.layer]
    width = bar.end - bar.start
    if bar.kind == "update" or width <= 0:
        look: dict[str, Any] = {
            "markersize": 5 if bar.layer is not None else 7,
            "markeredgecolor": "black",
            "markeredgewidth": 0.5,
        }
        shown = DARK if bar.layer is None else shades[bar.layer]
        marker = MARKS.get(bar.kind, "^" if bar.layer is not None else "D")
        axes.plot([bar.end], [y - _HALF - 0.1], marker, color=shown, **look)
    if width <= 0:
        return
    thin = 0.5 if bar.kind in ("snapshot", "exchange") else 1.0
    corner = bar.start, y - _HALF * thin
    paint: dict[str, Any] = {"facecolor": shade if thin == 1.0 else GREY, "edgecolor": "white", "linewidth": 0.5}
    axes.add_patch(Rectangle(corner, width, 2 * _HALF * thin, hatch=HATCHES[bar.kind], **paint))
    if name and thin == 1.0 and bar.kind != "update":
        box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
        axes.text(bar.start + width / 2, y, name, ha="center", va="center", fontsize=7.5, bbox=box)


def _passes(bars: Sequence[WorkerBar]) -> Iterator[tuple[str, str, int, float]]:
    """Yields (row, letter, batch, start) of every forward and backward pass."""
    starts: dict[tuple[str, str, int], float] = {}
    for bar in bars:
        if bar.kind in LETTERS and bar.batch is not None:
            key = bar.row, LETTERS[bar.kind], bar.batch
            starts[key] = min(starts.get(key, bar.start), bar.start)
    for (row, letter, batch), start in starts.items():
        yield row, letter, batch, start


def _arrow(axes: Axes, arrow: Arrow, heights: dict[str, float], shades: Sequence[Any]) -> None:
    """Draws a bold arrow for a loss, a thin bent one in its layer's colour for an update; both pass behind bars."""
    start, end = heights[arrow.from_row], heights[arrow.to_row]
    down = end < start
    loss = arrow.layer is None
    look: dict[str, Any] = {
        "arrowstyle": "-|>" if loss else "->",
        "linewidth": 1.3 if loss else 0.9,
        "color": "black" if arrow.layer is None else shades[arrow.layer],
        "linestyle": "-" if loss else (0, (3, 1.5)),
        "shrinkA": 0.0,
        "shrinkB": 0.0,
        "mutation_scale": 9 if loss else 7,
        "connectionstyle": "arc3" if loss else "arc3,rad=0.12",
        "zorder": 0.5,
    }
    axes.annotate(
        "",
        (arrow.end, end + (_HALF if down else -_HALF)),
        (arrow.start, start - _HALF if down else start - _HALF - 0.1),
        arrowprops=look,
        zorder=0.5,
    )


def _shades(layers: int) -> list[Any]:
    """Returns one colour per layer: distinct ones, or steps from dark to light for more than eight layers."""
    if layers <= 8:
        return [colour(number) for number in range(layers)]
    import matplotlib

    return [matplotlib.colormaps["viridis"](0.95 * number / (layers - 1)) for number in range(layers)]


def _entries(
    layers: Sequence[str], shades: Sequence[Any], bars: Sequence[WorkerBar], arrows: Sequence[Arrow]
) -> dict[str, Any]:
    """Returns the legend's entries: label -> handle."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = dict.fromkeys(bar.kind for bar in bars)
    entries: dict[str, Any] = {}
    if len(layers) <= _LEGEND_LAYERS:
        entries |= {name: Patch(facecolor=shade) for name, shade in zip(layers, shades, strict=True)}
    for kind in (kind for kind in HATCHES if kind in kinds and kind != "update"):
        if any(bar.kind == kind and bar.end > bar.start for bar in bars):
            entries[NAMES[kind]] = Patch(facecolor=GREY, edgecolor="white", hatch=HATCHES[kind])
        else:
            entries[NAMES[kind]] = Line2D([], [], marker=MARKS[kind], linestyle="none", color=DARK)
    if any(bar.kind == "update" and bar.end > bar.start for bar in bars):
        entries["update under way"] = Patch(facecolor=DARK)
    if "update" in kinds:
        single = any(bar.kind == "update" and bar.layer is not None for bar in bars)
        name = "update of a layer" if single else "update of all layers"
        entries[name] = Line2D([], [], marker="^" if single else "D", linestyle="none", color=DARK)
    if any(arrow.layer is None for arrow in arrows):
        entries["a loss goes to its backward pass"] = Line2D([], [], color="black", linewidth=1.3)
    if any(arrow.layer is not None for arrow in arrows):
        entries["updated weights are read"] = Line2D([], [], color=DARK, linewidth=0.9, linestyle="--")
    return entries
