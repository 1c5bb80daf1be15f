"""A rank's monitor: nobody can say alone that its workers wait for ever, since another rank may wake them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.executors.errors import standing
from benchmarks.executors.threads.monitor import Monitor, Turn
from methods import effects as e

WAKING_SECONDS = 1.0
"""A worker that is stuck may hold the monitor."""


@dataclass(frozen=True)
class Away:
    """A worker that waits for members of a group on other ranks, in the group's so-manieth meeting."""

    group: str
    meeting: int


class RankMonitor(Monitor):
    """failed: hears of the first failure, in whatever thread."""

    def __init__(self, turns: list[Turn], failed: Callable[[Exception], None]) -> None:
        super().__init__(turns)
        self.failed = failed
        self.away: dict[e.Worker, Away] = {}
        self.met: Counter[str] = Counter()  # of each group, the meetings to which this rank has brought its share

    def _check_for_stall(self) -> None:
        """The watch does, over all ranks."""

    def fail(self, error: Exception) -> None:
        first = self.failure is None
        super().fail(error)
        if first:
            self.failed(error)
            if self._lock.acquire(timeout=WAKING_SECONDS):  # the watch fails, and is no worker that ends and wakes them
                self._wake_all()
                self._lock.release()

    @contextlib.contextmanager
    def meeting(self, worker: e.Worker, away: Away) -> Iterator[None]:
        """While the worker waits for other ranks."""
        with self:
            self.away[worker] = away
        try:
            yield
        finally:
            with self:
                del self.away[worker]
                self.woken += 1

    def idle(self) -> dict[str, Any] | None:
        """What the rank's workers wait for where none of them can go on, as JSON takes it; None where one can."""
        with self:
            waiting = list(self._waiting.items())
            if len(waiting) + len(self.away) < self._alive or any(one.ready() for _, one in waiting):
                return None
            words = [(worker, one.what) for worker, one in waiting]
            words += [(worker, f"the other members of {away.group}") for worker, away in self.away.items()]
            return {
                "woken": self.woken,
                "met": dict(self.met),
                "away": [[away.group, away.meeting] for away in self.away.values()],
                "waiting": [
                    f"{worker.name} waits for {what} ({standing(worker)})".replace(" ()", "") for worker, what in words
                ],
            }
