"""Many pictures at once: they are drawn when all are known, by several processes where there are several cores.

Those that lie there already, drawn from the same data by the same sources, are left as they are (drawn.py).
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reports.figures.drawn import Drawn, content

FEW = 16
"""Pictures that are drawn sooner than other processes have loaded matplotlib."""
MOST_PROCESSES = 4


@dataclass(frozen=True)
class Commission:
    """A picture to draw, from this content."""

    stem: Path
    content: str
    draw: Callable[[], object]

    def __call__(self) -> None:
        self.draw()


class Studio:
    """Pictures to draw, in their order. folder: where they lie; what was drawn there from the same data stays."""

    def __init__(self, folder: Path) -> None:
        self.waiting: list[Commission] = []
        self._drawn = Drawn(folder)

    def draw(self, picture: Callable[..., object], data: Any, stem: Path, **options: Any) -> None:
        """Have a picture drawn until `finish` is through: a function of a module, and what it is given, as data."""
        found = content(picture, (data, options))
        if not self._drawn.current(stem, found):
            self.waiting.append(Commission(stem, found, partial(picture, data, stem, **options)))

    def finish(self) -> None:
        """Draw them. Raises ResultsError where a file cannot be written."""
        cores = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, MOST_PROCESSES)
        if cores == 1 or len(self.waiting) < FEW:
            for one in self.waiting:
                one()
        else:
            with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
                for _ in pool.map(_call, self.waiting):
                    pass
        for one in self.waiting:
            self._drawn.note(one.stem, one.content)
        self._drawn.write()
        self.waiting.clear()


def _call(picture: Callable[[], object]) -> None:
    picture()
