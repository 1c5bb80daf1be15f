"""The one monitor that guards what threads share with each other, and knows when all of them wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

from benchmarks.executors.errors import Stalled
from methods import effects as e


class Stopped(Exception):
    """Another worker has failed."""


class Monitor:
    """Of one epoch's workers. `with monitor:` before any of its methods but fail and ended."""

    def __init__(self, workers: int) -> None:
        self.failure: Exception | None = None
        self._condition = threading.Condition()
        self._alive = workers
        self._waiting: dict[e.Worker, tuple[str, Callable[[], bool]]] = {}

    def __enter__(self) -> None:
        self._condition.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._condition.release()

    def changed(self) -> None:
        """Something that others may wait for."""
        self._condition.notify_all()

    def wait(self, worker: e.Worker, what: str, ready: Callable[[], bool]) -> None:
        """Until ready. Raises Stopped once another worker has failed, or when nobody will ever be ready."""
        while not ready():
            self._waiting[worker] = what, ready
            self._check_for_stall()
            if self.failure is None:
                self._condition.wait()
            del self._waiting[worker]
            if self.failure is not None:
                raise Stopped

    def fail(self, error: Exception) -> None:
        """End all workers; the first error counts."""
        with self:
            self.failure = self.failure or error
            self.changed()

    def ended(self) -> None:
        """A worker has, in whatever way."""
        with self:
            self._alive -= 1
            self._check_for_stall()
            self.changed()

    def _check_for_stall(self) -> None:
        """When all wait and none is ready, nobody will ever be."""
        if self.failure is not None or not self._alive or len(self._waiting) < self._alive:
            return
        if not any(ready() for _, ready in self._waiting.values()):
            self.failure = Stalled((worker.name, what) for worker, (what, _) in self._waiting.items())
            self.changed()
