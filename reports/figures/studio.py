"""Many pictures at once: they are drawn when all are known, by several processes where there are several cores.

Those that lie there already, drawn from the same data by the same sources, are left as they are (drawn.py).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from reports.figures.drawn import Drawn, content
from results import children
from results.errors import ResultsError
from results.files import own_folder

FEW = 16
"""Pictures that are drawn sooner than other processes have loaded matplotlib."""
MOST_PROCESSES = 4
END_SECONDS = 0.5
"""Seconds that processes have to remove what is half-written."""


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
        """Have a picture drawn until `finish` is through: a function of a module, and what it is given, as data.

        Raises ResultsError where it would be drawn behind a link.
        """
        own_folder(self._drawn.folder, stem.parent)
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
            _side_by_side([self.waiting[first::cores] for first in range(cores)])
        for one in self.waiting:
            self._drawn.note(one.stem, one.content)
        self._drawn.write()
        self.waiting.clear()


def _side_by_side(shares: Sequence[Sequence[Commission]]) -> None:
    """Draw each share in a process of its own. Raises what one of them does, ResultsError where it was killed."""
    context = multiprocessing.get_context("spawn")
    crew: list[Any] = []
    pipes: list[Connection] = []
    try:
        for share in shares:
            ours, theirs = context.Pipe(duplex=False)
            crew.append(context.Process(target=_draw, args=(theirs, share), daemon=True))
            with children.blocked():
                crew[-1].start()
            theirs.close()
            pipes.append(ours)
        while pipes:
            ready = wait(pipes)
            for pipe in [pipe for pipe in pipes if pipe in ready]:
                _hear(pipe)
                pipes.remove(pipe)
    finally:
        started = [one for one in crew if one.pid is not None]
        for one in started:
            one.terminate()
        children.gone(started, END_SECONDS)


def _hear(pipe: Connection) -> None:
    """Wait for what a process says at its end."""
    try:
        error = pipe.recv()
    except (EOFError, OSError):
        raise ResultsError("A process that drew was killed (out of memory?); the same command draws again.") from None
    if error is not None:
        raise error


def _draw(parent: Connection, share: Sequence[Commission]) -> None:
    """Draw these in a process of its own, and tell the parent what was raised, or None."""
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(128 + number)
    )  # a file that is half-written is removed
    children.follow_parent()
    try:
        for one in share:
            one()
        parent.send(None)
    except Exception as error:
        parent.send(error)
