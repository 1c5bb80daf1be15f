"""Every access of a team's workers to what they share of it, made whole, and its version noted.

What is shared: of each layer the weights (and with them the optimizer's state), and BatchNorm's running statistics
where it has any; of the team, the tally of losses, whose order decides how their sum is rounded. A read notes the
version that it reads, which is the number of writes before; a write notes the version before it, and how often that was
read. So the notes of all workers, each in its own order, say what every access saw: enough to carry them out again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType

from benchmarks.executors.numerics.replica import TorchLayer
from benchmarks.executors.numerics.streams import NOTHING
from benchmarks.executors.numerics.team import TorchTeam

Context = AbstractContextManager[object]


class ReadWriteLock:
    """`with lock.reading:`, which readers share, and `with lock.writing:`, neither of them within either.

    Writers go first: a reader waits where a writer does, so that readers who come and go keep no writer out.
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
    """The versions of one shared thing since the workers began."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.written = 0
        self.readers: list[None] = []  # of this version: appending is atomic, adding 1 is not

    @property
    def reads(self) -> int:
        """The number of reads of this version."""
        return len(self.readers)


_notes: ContextVar[list[int]] = ContextVar("notes")


def note_into(notes: list[int]) -> None:
    """Notes the accesses of this context, a worker's, from now on."""
    _notes.set(notes)


def note(number: int) -> None:
    _notes.get().append(number)


class NotedAccess:
    """Enters the lock `base` and notes the access. A lock of writes keeps all others out, one of reads all writes."""

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
    """The team's, from now on. Where no order of the device's keeps readers and writers apart, a lock does."""

    def __init__(self, team: TorchTeam) -> None:
        self.weights: dict[TorchLayer, Versions] = {}
        self.statistics: dict[TorchLayer, Versions] = {}
        self.tally = Versions()
        for layer in team.layers:
            self._note(layer)
        team.tally = NotedAccess(team.tally, self.tally, writes=True)

    def clear(self) -> None:
        """Begin anew, nobody being at work."""
        for versions in (*self.weights.values(), *self.statistics.values(), self.tally):
            versions.clear()

    def _note(self, layer: TorchLayer) -> None:
        reading, writing = _kept_apart(layer.reading, layer.mutex)
        versions = self.weights[layer] = Versions()
        layer.mutex = NotedAccess(writing, versions, writes=True)
        layer.reading = layer.pinning = NotedAccess(reading, versions, writes=False)
        if any(True for _ in layer.module.buffers()):
            reading, writing = _kept_apart(layer.reading_statistics, layer.statistics)
            versions = self.statistics[layer] = Versions()
            layer.statistics = NotedAccess(writing, versions, writes=True)
            layer.reading_statistics = NotedAccess(reading, versions, writes=False)


def _kept_apart(reading: Context, writing: Context) -> tuple[Context, Context]:
    if reading is not NOTHING:
        return reading, writing
    lock = ReadWriteLock()
    return lock.reading, lock.writing
