"""Runs that other commands train into the same folder: waited for, until they are done there or can be had."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Busy, Event, Listen
from results.records import folder_of
from results.records.lease import LeaseWatcher

POLL_SECONDS = 1.0


class Elsewhere:
    """The runs of a pool that are busy. listen: hears of each run that it is, once."""

    def __init__(self, out: Path, runs: Sequence[Run], listen: Listen) -> None:
        self._out, self._listen = out, listen
        self._runs = {run.id: run for run in runs}
        self._busy: dict[str, Run] = {}
        self._watcher = LeaseWatcher()
        self._next = 0.0

    def hear(self, event: Event) -> None:
        """As the pool's own listener."""
        if isinstance(event, Busy):
            self._busy[event.id] = self._runs[event.id]
        self._listen(event)

    def freed(self) -> list[Run]:
        """The runs to ask for again, looked for once a second."""
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + POLL_SECONDS
        free = [id for id in self._busy if self._watcher.free(folder_of(self._out, id))]
        return [self._busy.pop(id) for id in free]
