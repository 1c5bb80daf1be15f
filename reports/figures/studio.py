"""Many pictures at once: they are drawn when all are known, by several processes where there are several cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

FEW = 16
"""Pictures that are drawn sooner than other processes have loaded matplotlib."""
MOST_PROCESSES = 4


@dataclass
class Studio:
    """Pictures to draw, in their order."""

    waiting: list[Callable[[], object]] = field(default_factory=list)

    def draw(self, picture: Callable[..., object], *given: Any, **options: Any) -> None:
        """Have a picture drawn until `finish` is through: a function of a module, and what it is given, as data."""
        self.waiting.append(partial(picture, *given, **options))

    def finish(self) -> None:
        """Draw them. Raises ResultsError where a file cannot be written."""
        cores = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, MOST_PROCESSES)
        if cores == 1 or len(self.waiting) < FEW:
            for picture in self.waiting:
                picture()
        else:
            with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
                for _ in pool.map(_call, self.waiting):
                    pass
        self.waiting.clear()


def _call(picture: Callable[[], object]) -> None:
    picture()
