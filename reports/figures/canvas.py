"""Draws pictures without a window, for the screen and for a paper, with a legend; files repeat byte for byte.

On the screen a picture has a title and room, and is PNG and SVG. For a paper it is PDF: as wide as a column, or as the
text of two; letters of 7 and 8 points, embedded as TrueType; without a title, which is the caption.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.files import replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, TEXT = 3.25, 6.75
"""Inches: the width of a column in a page of two, and of both."""
DOTS_PER_INCH = 150
ABREAST = 3
"""Panels side by side, at most."""
_SHARED: dict[Any, Any] = {
    "svg.hashsalt": "async-sgd-benchmarks",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,
}
_LETTER = 0.051  # inches of a letter of 7 points, about
_HANDLE = 0.42  # inches of a legend's line, with the gap behind it
_LEGEND_LINE = 0.15  # inches


@dataclass(frozen=True)
class Medium:
    """A medium to draw for. line, marker: sizes in points. files: ending -> metadata without a date."""

    style: Mapping[Any, Any]
    files: Mapping[str, Mapping[str, Any]]
    line: float
    marker: float
    titled: bool = True


SCREEN = Medium(
    {**_SHARED, "font.size": 9.0, "axes.titlesize": 10.0, "legend.fontsize": 8.0},
    {"png": {"Software": None}, "svg": {"Date": None}},
    line=1.8,
    marker=5.0,
)
PAPER = Medium(
    {
        **_SHARED,
        "font.size": 8.0,
        "axes.titlesize": 8.0,
        "axes.labelsize": 8.0,
        "xtick.labelsize": 7.0,
        "ytick.labelsize": 7.0,
        "legend.fontsize": 7.0,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "grid.linewidth": 0.5,
    },
    {"pdf": {"CreationDate": None, "Creator": None, "Producer": None}},
    line=1.2,
    marker=3.0,
    titled=False,
)
ENDINGS = (*SCREEN.files, *PAPER.files)
Painter = Callable[["Figure", Medium], None]
"""Draws into a figure all but its title."""


@dataclass(frozen=True)
class Sizes:
    """Inches, (width, height): on the screen, and of the axes of a paper's picture.

    labels: of the legend, for which a paper's picture is made higher.
    """

    screen: tuple[float, float]
    paper: tuple[float, float]
    labels: Sequence[str] = field(default=())

    def of(self, medium: Medium) -> tuple[float, float]:
        if medium.titled:
            return self.screen
        width, height = self.paper
        lines = -(-len(self.labels) // columns(width, self.labels)) if self.labels else 0
        return width, height + _LEGEND_LINE * lines


def picture(paint: Painter, stem: Path, sizes: Sizes, title: str) -> tuple[Path, ...]:
    """Draws a picture for the screen and for a paper -> stem.png, .svg, .pdf.

    The same data give the same bytes (per version of matplotlib). Raises ResultsError where a file cannot be written.
    """
    paths: list[Path] = []
    for medium in (SCREEN, PAPER):
        with _drawing(medium, sizes.of(medium)) as figure:
            paint(figure, medium)
            if medium.titled:
                figure.suptitle(title, x=0.01, ha="left")  # clear of the legend
            paths += _saved(figure, stem, medium)
    return tuple(paths)


@contextmanager
def _drawing(medium: Medium, size: tuple[float, float]) -> Iterator[Figure]:
    """Yields a figure without a window and without changes to global state. size: inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(dict(medium.style)):
        figure = Figure(figsize=size, layout="constrained")
        if not medium.titled:
            figure.get_layout_engine().set(h_pad=0.015, w_pad=0.015)  # type: ignore[call-arg, union-attr]
        yield figure


def panels(figure: Figure, count: int) -> list[Axes]:
    """Returns the axes of so many panels, at most ABREAST in a row."""
    columns = min(count, ABREAST)
    grid = list(figure.subplots(-(-count // columns), columns, squeeze=False).flat)
    for axes in grid[count:]:
        axes.remove()
    return grid[:count]


def legend(figure: Figure, several: Sequence[Axes], medium: Medium) -> None:
    """Draws one legend for all panels: to their right on the screen, below them in a paper."""
    entries: dict[str, Any] = {}
    for axes in several:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    key(figure, entries, medium)


def key(figure: Figure, handles: Mapping[str, Any], medium: Medium) -> None:
    """Draws a legend of handles by their labels, clear of a long title."""
    if not handles:
        return
    if medium.titled:
        figure.legend(list(handles.values()), list(handles), loc="outside right center", handlelength=3.2)
        return
    how: dict[str, Any] = {"handlelength": 2.6, "columnspacing": 1.0, "labelspacing": 0.3, "borderaxespad": 0.0}
    many = columns(figure.get_size_inches()[0], list(handles))
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=many, **how)


def columns(width: float, labels: Sequence[str]) -> int:
    """Returns how many entries of a legend fit side by side into `width` inches."""
    longest = max(map(len, labels), default=0)
    return max(1, min(len(labels), int(width / (_HANDLE + _LETTER * longest))))


def _saved(figure: Figure, stem: Path, medium: Medium) -> Iterator[Path]:
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)  # once for all files: laying out takes as long as drawing
    figure.set_layout_engine(None)  # "none" would leave a placeholder, for which `savefig` draws everything twice
    for ending, metadata in medium.files.items():
        path, file = stem.with_name(f"{stem.name}.{ending}"), io.BytesIO()
        figure.savefig(file, format=ending, dpi=DOTS_PER_INCH, metadata=dict(metadata))
        replace(path, file.getvalue())
        yield path
