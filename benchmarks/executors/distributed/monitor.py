"""A rank's monitor. A rank alone cannot tell that its workers wait for ever: another rank may wake them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.executors.distributed.place import Message
from benchmarks.executors.errors import standing
from benchmarks.executors.threads.monitor import Monitor, WorkerTurn
from methods import effects as e

WAKING_SECONDS = 1.0
"""A worker that is stuck may hold the monitor."""


class RemoteWait(NamedTuple):
    """A wait for a group's members on other ranks. meeting: the number of the group's meeting, from 1."""

    group: str
    meeting: int


class Idle(Message):
    """Report of a rank whose workers all wait, and what they wait for.

    woken: waits that have ended. met: for each group, the meetings to which the rank has brought its share. away:
    meetings that its workers wait for. waiting: its workers, and what for. sent, received: messages of channels.
    """

    woken: int
    met: dict[str, int]
    away: list[RemoteWait]
    waiting: list[str]
    sent: int = 0
    received: int = 0


class RankMonitor(Monitor):
    """The monitor of one rank's workers. failed: is called with the first failure, on whichever thread it happens."""

    def __init__(self, turns: list[WorkerTurn], failed: Callable[[Exception], None]) -> None:
        super().__init__(turns)
        self.failed = failed
        self.away: dict[e.Worker, RemoteWait] = {}
        self.met: Counter[str] = Counter()  # of each group, the meetings to which this rank has brought its share

    def _check_for_stall(self) -> None:
        """Does nothing: the watch looks for a deadlock over all ranks."""

    def fail(self, error: Exception) -> None:
        first = self.failure is None
        super().fail(error)
        if first:
            self.failed(error)
            if self._lock.acquire(timeout=WAKING_SECONDS):  # the watch fails, and is no worker that ends and wakes them
                self._wake_all()
                self._lock.release()

    @contextlib.contextmanager
    def meeting(self, worker: e.Worker, away: RemoteWait) -> Iterator[None]:
        """Marks the worker as waiting for other ranks within the block."""
        with self:
            self.away[worker] = away
        try:
            yield
        finally:
            with self:
                del self.away[worker]
                self.woken += 1

    def idle(self) -> Idle | None:
        """Returns what this rank's workers wait for if all of them wait; None while one can go on."""
        with self:
            waiting = list(self._waiting.items())
            if len(waiting) + len(self.away) < self._alive or any(wait.ends for _, wait in waiting):
                return None
            words = [(worker, wait.what) for worker, wait in waiting]
            words += [(worker, f"the other members of {away.group}") for worker, away in self.away.items()]
            return Idle(
                woken=self.woken,
                met=dict(self.met),
                away=list(self.away.values()),
                waiting=[
                    f"{worker.name} waits for {what} ({standing(worker)})".replace(" ()", "") for worker, what in words
                ],
            )
