"""Draws many pictures at once, by several processes where there are several cores.

A picture that was drawn earlier, from the same data by the same sources, is left as it is: <folder>/pictures.json holds
a digest of what each picture shows and of who drew it, and one of each of its files.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reports.figures.canvas import ENDINGS
from results import children
from results.errors import ResultsError
from results.files import own_folder, replace
from results.reading import TEXT_BYTES, content, parsed_json

INDEX = "pictures.json"
SOURCES = Path(__file__).parents[1]
"""The package whose sources decide how a picture looks."""
FEW = 16
"""Fewer pictures are drawn sooner by one process than others have loaded matplotlib."""
MOST_PROCESSES = 4


@dataclass(frozen=True)
class FigureJob:
    """A picture to draw. content: a digest of what it shows and of who draws it."""

    stem: Path
    content: str
    draw: Callable[[], object]

    def __call__(self) -> None:
        self.draw()

    @property
    def entry(self) -> dict[str, str]:
        """The picture's entry in the index: its content, and by ending the digest of each file that exists."""
        paths = {ending: self.stem.with_name(f"{self.stem.name}.{ending}") for ending in ENDINGS}
        return {"content": self.content, **{end: _sha256(path) for end, path in paths.items() if path.is_file()}}


class FigureQueue:
    """Collects pictures and draws them in `finish`. folder: of the pictures and their index."""

    def __init__(self, folder: Path) -> None:
        self.waiting: list[FigureJob] = []
        self.folder, self._index = folder, _read(folder / INDEX)

    def draw(self, picture: Callable[..., object], data: Any, stem: Path, **options: Any) -> None:
        """Queues a picture, unless its files exist as drawn from the same data.

        picture: a module's function, called with data, stem and options. data: compared by its `repr`.

        Raises ResultsError where the files would lie behind a link.
        """
        own_folder(self.folder, stem.parent)
        shown = f"{picture.__module__}.{picture.__qualname__} {_sources()} {(data, options)!r}"
        job = FigureJob(stem, hashlib.sha256(shown.encode()).hexdigest(), partial(picture, data, stem, **options))
        if self._index.get(self._name(job)) != job.entry:
            self.waiting.append(job)

    def finish(self) -> None:
        """Draws what was queued. Raises ResultsError where a file cannot be written or a process was killed."""
        cores = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, MOST_PROCESSES)
        if cores == 1 or len(self.waiting) < FEW:
            for job in self.waiting:
                job()
        else:
            _draw_in_parallel(self.waiting, cores)
        self._index |= {self._name(job): job.entry for job in self.waiting}
        index = {name: entry for name, entry in self._index.items() if self.folder.joinpath(f"{name}.png").is_file()}
        replace(self.folder / INDEX, (json.dumps(index, indent=0, sort_keys=True) + "\n").encode())
        self.waiting.clear()

    def _name(self, job: FigureJob) -> str:
        return job.stem.relative_to(self.folder).as_posix()


def _read(path: Path) -> dict[str, Any]:
    """Returns the index; an empty one where it is missing or unreadable, so that all pictures are drawn again."""
    try:
        index = parsed_json(path, TEXT_BYTES)
    except (OSError, ValueError):
        return {}
    return index if isinstance(index, dict) else {}


def _sha256(path: Path) -> str:
    """Returns the digest of a file, "" for one that cannot be read or is too large to be a picture."""
    try:
        return hashlib.sha256(content(path, TEXT_BYTES)).hexdigest()
    except OSError:
        return ""


@cache
def _sources() -> str:
    """Returns a digest of this package's sources and of matplotlib's version."""
    digest = hashlib.sha256(version("matplotlib").encode())
    for path in sorted(SOURCES.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _draw_in_parallel(jobs: list[FigureJob], processes: int) -> None:
    """Draws in several processes. An interrupted command waits for the pictures that are being drawn, then ends."""
    context = multiprocessing.get_context("spawn")
    with children.blocked():  # multiprocessing's tracker of resources is started here, too, and must outlive a SIGHUP
        pool = ProcessPoolExecutor(processes, mp_context=context, initializer=children.follow_parent)
    drawing: set[int | None] = set()
    try:
        with children.blocked():
            futures = [pool.submit(job) for job in jobs]
            drawing = {process.pid for process in multiprocessing.active_children()}
        for future in futures:
            future.result()
    except BrokenProcessPool:
        pool.shutdown()
        for half in {half for pid in drawing for job in jobs for half in job.stem.parent.glob(f".*.{pid}.*")}:
            half.unlink(missing_ok=True)  # what a killed process was writing (results.files.atomic_file)
        raise ResultsError("A process that drew was killed (out of memory?); the same command draws again.") from None
    finally:
        pool.shutdown(cancel_futures=True)
