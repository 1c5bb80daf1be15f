"""Notes the version at each access of shared values, so that a run can be replayed; locks them where nothing does yet.

Shared are each layer's weights (with the optimizer's state), BatchNorm's running statistics, and the list of losses,
whose order decides the rounding of their sum. A read notes the version that it reads: the number of writes before. A
write notes the version before it, and how often that was read. The notes of all workers, each in its own order, are
enough to replay the run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType

from benchmarks.executors.numerics.layer import TorchLayer
from benchmarks.executors.numerics.streams import NO_CONTEXT
from benchmarks.executors.numerics.team import TorchTeam

Context = AbstractContextManager[object]


class ReadWriteLock:
    """A lock that readers share (`with lock.reading:`) and a writer has alone (`with lock.writing:`). Not reentrant.

    Readers wait while a writer waits, so that a stream of readers keeps no writer out.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._readers, self._writing, self._writers_waiting = 0, False, 0
        self.reading = _Side(self._begin_reading, self._end_reading)
        self.writing = _Side(self._begin_writing, self._end_writing)

    def _begin_reading(self) -> None:
        with self._changed:
            while self._writing or self._writers_waiting:
                self._changed.wait()
            self._readers += 1

    def _end_reading(self) -> None:
        with self._changed:
            self._readers -= 1
            if not self._readers and self._writers_waiting:
                self._changed.notify_all()

    def _begin_writing(self) -> None:
        with self._changed:
            self._writers_waiting += 1
            try:
                while self._writing or self._readers:
                    self._changed.wait()
            finally:
                self._writers_waiting -= 1
            self._writing = True

    def _end_writing(self) -> None:
        with self._changed:
            self._writing = False
            self._changed.notify_all()


class _Side:
    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self.begin, self.end = begin, end

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *exc: object) -> None:
        self.end()


class Versions:
    """Counts the writes of one shared value, and the reads since the last write."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.written = 0
        self.readers: list[None] = []  # of this version: appending is atomic, adding 1 is not

    @property
    def reads(self) -> int:
        """Number of reads of this version."""
        return len(self.readers)


_notes: ContextVar[list[int]] = ContextVar("notes")


def note_into(notes: list[int]) -> None:
    """Lets the current worker (its contextvars) note its accesses in this list from now on."""
    _notes.set(notes)


def note(number: int) -> None:
    _notes.get().append(number)


class NotedAccess:
    """Takes the lock `base`, by which a writer excludes all others and a reader all writers, and notes the access."""

    def __init__(self, base: Context, versions: Versions, *, writes: bool) -> None:
        self.base, self.versions, self.writes = base, versions, writes

    def __enter__(self) -> None:
        self.base.__enter__()
        versions, notes = self.versions, _notes.get()
        notes.append(versions.written)
        if self.writes:
            notes.append(versions.reads)
            versions.written += 1
            versions.readers = []
        else:
            versions.readers.append(None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.base.__exit__(kind, error, trace)


class Accesses:
    """Notes all accesses of a team from now on. Where nothing orders readers and writers yet, a ReadWriteLock does."""

    def __init__(self, team: TorchTeam) -> None:
        self.weights: dict[TorchLayer, Versions] = {}
        self.statistics: dict[TorchLayer, Versions] = {}
        self.tally = Versions()
        for layer in team.layers:
            self._note(layer)
        team.tally = NotedAccess(team.tally, self.tally, writes=True)

    def clear(self) -> None:
        """Resets all versions, at the start of an epoch."""
        for versions in (*self.weights.values(), *self.statistics.values(), self.tally):
            versions.clear()

    def _note(self, layer: TorchLayer) -> None:
        """Replaces the layer's locks by locks that note accesses."""
        reading, writing = _read_and_write_locks(layer.reading, layer.mutex)
        versions = self.weights[layer] = Versions()
        layer.mutex = NotedAccess(writing, versions, writes=True)
        layer.reading = layer.pinning = NotedAccess(reading, versions, writes=False)
        if any(True for _ in layer.module.buffers()):
            reading, writing = _read_and_write_locks(layer.reading_statistics, layer.statistics)
            versions = self.statistics[layer] = Versions()
            layer.statistics = NotedAccess(writing, versions, writes=True)
            layer.reading_statistics = NotedAccess(reading, versions, writes=False)


def _read_and_write_locks(reading: Context, writing: Context) -> tuple[Context, Context]:
    """Returns the locks, or those of a new ReadWriteLock where reads had none."""
    if reading is not NO_CONTEXT:
        return reading, writing
    lock = ReadWriteLock()
    return lock.reading, lock.writing
