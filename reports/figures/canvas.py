"""What all pictures share: a figure without a window, colours, the legend, and files that repeat byte for byte.

Colours are petroff10, chosen to be told apart by colour-blind readers (arXiv:2107.02270).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.files import replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
_STYLE: Any = {
    "svg.hashsalt": "async-sgd-benchmarks",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "hatch.linewidth": 0.6,
}


@contextmanager
def drawing(size: tuple[float, float]) -> Iterator[Figure]:
    """A figure of its own, of no window and no global state. size: inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=size, layout="constrained")


def colour(number: int) -> tuple[float, float, float]:
    import matplotlib

    colours: Any = matplotlib.color_sequences["petroff10"]
    red, green, blue = colours[number % len(colours)]
    return red, green, blue


def legend(figure: Figure, several: Sequence[Axes]) -> None:
    """One legend for all panels, to their right."""
    known: dict[Any, Any] = {}
    for axes in several:
        handles, labels = axes.get_legend_handles_labels()
        known |= {label: handle for handle, label in zip(handles, labels, strict=True) if label not in known}
    if known:
        figure.legend(list(known.values()), list(known), loc="outside right upper")


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    figure.draw_without_rendering()  # lays it out, which takes as long as to draw it: once for both files
    figure.set_layout_engine("none")
    paths = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    for path, metadata in zip(paths, ({"Software": None}, {"Date": None}), strict=True):
        picture = io.BytesIO()
        figure.savefig(picture, format=path.suffix[1:], dpi=DOTS_PER_INCH, metadata=metadata)
        replace(path, picture.getvalue())
    return paths
