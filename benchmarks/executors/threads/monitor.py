"""The one monitor that guards what threads share with each other, and knows when all of them wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.executors.errors import Stalled
from methods import effects as e


class Stopped(Exception):
    """Another worker has failed before."""


@dataclass(eq=False)
class Waiting:
    """A worker asleep, for what, and how it is woken."""

    what: str
    ready: Callable[[], bool]
    condition: threading.Condition


class Monitor:
    """Of one epoch's workers. `with monitor:` before any of its methods but fail and ended."""

    def __init__(self, workers: int) -> None:
        self.failure: Exception | None = None
        self.over = threading.Event()  # all have ended, or one has failed
        self._failing, self._lock = threading.Lock(), threading.Lock()
        self._alive = workers
        self._waiting: dict[e.Worker, Waiting] = {}

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def changed(self) -> None:
        """Something that others may wait for: wake those that can go on now, and nobody else."""
        for one in self._waiting.values():
            if one.ready():
                one.condition.notify()

    def wait(self, worker: e.Worker, what: str, ready: Callable[[], bool]) -> None:
        """Until ready. Raises Stopped once another worker has failed, or when nobody will ever be ready."""
        if ready():
            return
        one = self._waiting[worker] = Waiting(what, ready, threading.Condition(self._lock))
        try:
            while not ready():  # what it was woken for may be gone
                self._check_for_stall()
                if self.failure is None:
                    one.condition.wait()
                if self.failure is not None:
                    raise Stopped
        finally:
            del self._waiting[worker]

    def fail(self, error: Exception) -> None:
        """End all workers, those asleep once this one has `ended`; the first error counts."""
        with self._failing:  # and not the monitor, which a worker that is stuck may hold
            self.failure = self.failure or error
        self.over.set()

    def ended(self) -> None:
        """A worker has, in whatever way."""
        with self:
            self._alive -= 1
            self._check_for_stall()
            if self.failure is not None:
                self._wake_all()
        if not self._alive:
            self.over.set()

    def _wake_all(self) -> None:
        for one in self._waiting.values():
            one.condition.notify()

    def _check_for_stall(self) -> None:
        """When all wait and none is ready, nobody will ever be."""
        if self.failure is not None or not self._alive or len(self._waiting) < self._alive:
            return
        if not any(one.ready() for one in self._waiting.values()):
            self.fail(Stalled((worker, one.what) for worker, one in self._waiting.items()))
            self._wake_all()
