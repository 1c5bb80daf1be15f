"""Many pictures at once: they are drawn when all are known, by several processes where there are several cores.

Those that lie there already, drawn from the same data by the same sources, are left as they are:
<folder>/pictures.json has for each picture a digest of what it shows and of who drew it, and one of each of its files.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from reports.figures.canvas import ENDINGS
from results import children
from results.errors import ResultsError
from results.files import own_folder, remove_half_written, replace
from results.reading import TEXT_BYTES, parsed_json
from results.reading import content as bytes_of

INDEX = "pictures.json"
DRAWERS = Path(__file__).parents[1]
"""The package whose sources make a picture."""
FEW = 16
"""Pictures that are drawn sooner than other processes have loaded matplotlib."""
MOST_PROCESSES = 4
END_SECONDS = 0.5
"""Seconds that processes have to end by themselves; what those have begun that are killed then is removed for them."""


@dataclass(frozen=True)
class FigureJob:
    """A picture to draw. content: a digest of what it shows and of who draws it."""

    stem: Path
    content: str
    draw: Callable[[], object]

    def __call__(self) -> None:
        self.draw()

    @property
    def files(self) -> dict[str, str]:
        """Content, and ending -> digest of each file that is there: what the index has of a picture."""
        paths = {ending: self.stem.with_name(f"{self.stem.name}.{ending}") for ending in ENDINGS}
        return {"content": self.content, **{end: _sha256(path) for end, path in paths.items() if path.is_file()}}


class FigureQueue:
    """Pictures to draw, in their order. folder: where they lie; what was drawn there from the same data stays."""

    def __init__(self, folder: Path) -> None:
        self.waiting: list[FigureJob] = []
        self.folder, self._known = folder, _read(folder / INDEX)

    def draw(self, picture: Callable[..., object], data: Any, stem: Path, **options: Any) -> None:
        """Queue a picture, drawn by the end of `finish`. picture: a module's function; data: told apart by its `repr`.

        Raises ResultsError where it would be drawn behind a link.
        """
        own_folder(self.folder, stem.parent)
        drawn = f"{picture.__module__}.{picture.__qualname__} {_drawers()} {(data, options)!r}"
        job = FigureJob(stem, hashlib.sha256(drawn.encode()).hexdigest(), partial(picture, data, stem, **options))
        if self._known.get(self._name(job)) != job.files:
            self.waiting.append(job)

    def finish(self) -> None:
        """Draw them. Raises ResultsError where a file cannot be written."""
        cores = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, MOST_PROCESSES)
        if cores == 1 or len(self.waiting) < FEW:
            for job in self.waiting:
                job()
        else:
            _side_by_side([self.waiting[first::cores] for first in range(cores)])
        self._known |= {self._name(job): job.files for job in self.waiting}
        there = {name: files for name, files in self._known.items() if self.folder.joinpath(f"{name}.png").is_file()}
        replace(self.folder / INDEX, (json.dumps(there, indent=0, sort_keys=True) + "\n").encode())
        self.waiting.clear()

    def _name(self, job: FigureJob) -> str:
        return job.stem.relative_to(self.folder).as_posix()


def _read(index: Path) -> dict[str, Any]:
    """Returns the index of drawn files; empty where it is missing or unreadable, so that all are drawn again."""
    try:
        found = parsed_json(index, TEXT_BYTES)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    """Digest of the file; "" for what no picture is."""
    try:
        return hashlib.sha256(bytes_of(path, TEXT_BYTES)).hexdigest()
    except OSError:
        return ""


@cache
def _drawers() -> str:
    """A digest of this package's sources and of matplotlib's version."""
    digest = hashlib.sha256(version("matplotlib").encode())
    for path in sorted(DRAWERS.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _side_by_side(shares: Sequence[Sequence[FigureJob]]) -> None:
    """Draw each share in a process of its own. Raises what one of them does, ResultsError where it was killed."""
    context = multiprocessing.get_context("spawn")
    workers: list[Any] = []
    pipes: list[Connection] = []
    try:
        for share in shares:
            ours, theirs = context.Pipe(duplex=False)
            workers.append(context.Process(target=_draw, args=(theirs, share), daemon=True))
            with children.blocked():
                workers[-1].start()
            theirs.close()
            pipes.append(ours)
        while pipes:
            ready = wait(pipes)
            for pipe in [pipe for pipe in pipes if pipe in ready]:
                _hear(pipe)
                pipes.remove(pipe)
    finally:
        started = [one for one in workers if one.pid is not None]
        for one in started:
            one.terminate()
        children.gone(started, END_SECONDS)
        for folder in {job.stem.parent for share in shares for job in share}:
            for one in started:
                remove_half_written(folder, one.pid)


def _hear(pipe: Connection) -> None:
    """Wait for what a process says at its end."""
    try:
        error = pipe.recv()
    except (EOFError, OSError):
        raise ResultsError("A process that drew was killed (out of memory?); the same command draws again.") from None
    if error is not None:
        raise error


def _draw(parent: Connection, share: Sequence[FigureJob]) -> None:
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
