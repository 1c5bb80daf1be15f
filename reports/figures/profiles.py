"""Draws performance profiles: the share of runs with at least a score, over the score (arXiv:2108.13264, sec. 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Profile:
    """A method's shares, one for each score. key: of its row, which decides its look."""

    label: str
    key: str
    shares: Sequence[float]


def profiles(at: Sequence[float], curves: Sequence[Profile], stem: Path, *, title: str) -> tuple[Path, ...]:
    """Draws a step for each method. at: scores, rising. Raises ResultsError where a file cannot be written."""
    looks_of = looks(f"{curve.key}{'' if number == 0 else f'#{number}'}" for number, curve in enumerate(curves))
    sizes = Sizes((7.5, 3.8), (canvas.COLUMN, 1.9), [curve.label for curve in curves])

    def paint(figure: Figure, medium: Medium) -> None:
        axes = figure.subplots()
        for curve, look in zip(curves, looks_of.values(), strict=True):
            axes.step(at, curve.shares, where="pre", label=curve.label, linewidth=medium.line, **look.line)
        axes.set(xlabel="score (1: as fast as backpropagation)", ylabel="share of runs", ylim=(-0.03, 1.03))
        axes.axvline(1.0, color="0.6", linewidth=0.8)
        canvas.legend(figure, [axes], medium)

    return canvas.picture(paint, stem, sizes, title)
