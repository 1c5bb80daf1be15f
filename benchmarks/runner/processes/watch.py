"""Watches runs for progress: by a thread in each training process, and by the command, which watches the processes.

The command notices what the thread cannot: a process that is stopped, or native code that holds Python's lock.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from benchmarks.executors.activity import Activity
from benchmarks.runner.processes.messages import Alive, Begin, Event, Listen, Remark
from benchmarks.runner.run_progress import RunProgress

SILENT_SECONDS = 30.0
"""Seconds without progress before the first report."""
EVERY_SECONDS = 1.0
FIRST_SECONDS = 120.0
"""Seconds that a process has for its imports, before its first heartbeat."""


class Clock:
    """Measures seconds between two checks, limited in case this process was stopped (Ctrl-Z, sleep)."""

    def __init__(self, stall_after: float | None) -> None:
        self.every = EVERY_SECONDS if stall_after is None else min(EVERY_SECONDS, stall_after / 4)
        self._last = time.monotonic()

    def passed(self) -> float:
        """Returns the seconds since the last call."""
        last, self._last = self._last, time.monotonic()
        return min(self._last - last, 2 * self.every)


@dataclass
class Silence:
    """Time without progress. It is reported after SILENT_SECONDS, then each time it has doubled."""

    seconds: float = 0.0
    _next: float = SILENT_SECONDS

    def is_due(self) -> bool:
        """Whether to report it now; the next report comes at twice the time."""
        due = self.seconds >= self._next
        if due:
            self._next = 2 * self.seconds
        return due


class Watch:
    """Watches the run of this process in a thread, within a `with` statement.

    Progress is an effect that a worker requests, a batch evaluated, or a new activity of the run. The thread calls
    three functions. say: takes a sentence about missing progress. give_up: takes it after stall_after seconds without
    progress in training or evaluating; loading data and building a network show no progress and are never given up.
    beat: takes what the run is doing, at each check.
    """

    give_up: Callable[[str], None] | None = None

    def __init__(
        self,
        run_progress: RunProgress,
        say: Callable[[str], None],
        *,
        stall_after: float | None = None,
        beat: Callable[[str], None] = lambda doing: None,
    ) -> None:
        self.run_progress, self.say, self.stall_after, self.beat = run_progress, say, stall_after, beat
        self._now, self._silence = 0.0, Silence()
        self._last_progress: Any = None
        self._workers: dict[Activity, tuple[int, float]] = {}  # effects asked for, and since when as many
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        clock = Clock(self.stall_after)
        while not self._over.wait(clock.every):
            self.look(clock.passed())

    def look(self, seconds: float) -> None:
        """Checks the run. seconds: since the last check."""
        self._now += seconds
        self._silence.seconds += seconds
        counts = {worker: worker.effect_count for worker in self.run_progress.activities}
        self._workers = {
            worker: self._workers[worker] if self._workers.get(worker, (-1,))[0] == count else (count, self._now)
            for worker, count in counts.items()
        }
        progress = self.run_progress.doing, self.run_progress.evaluated, counts
        if progress != self._last_progress:
            self._last_progress, self._silence = progress, Silence()
        silent = self._silence.seconds
        workers = "; ".join(f"{worker} for {self._now - since:.0f} s" for worker, (_, since) in self._workers.items())
        doing = self.run_progress.doing + (f": {workers}" if workers else "")
        self.beat(doing)
        sentence = f"no progress for {silent:.0f} s while {doing}"
        can_give_up = self.give_up is not None and self.run_progress.executor is not None
        if can_give_up and self.stall_after is not None and silent >= self.stall_after:
            self.give_up(sentence)  # type: ignore[misc]  # it is set
        elif self._silence.is_due():
            self.say(sentence)


def stacks() -> str:
    """Returns the stacks of all threads of this process but the calling one."""
    frames = sys._current_frames()
    return "\n".join(
        f"{thread.name}:\n{''.join(traceback.format_stack(frames[thread.ident]))}"
        for thread in threading.enumerate()
        if thread.ident in frames and thread is not threading.current_thread()
    )


@dataclass
class _Process:
    """A process that trains a run. begun: whether it gave a sign of life. doing: what its run did then."""

    begun: bool = False
    doing: str = ""
    silence: Silence = field(default_factory=Silence)

    @property
    def sentence(self) -> str:
        last = f", last {self.doing}" if self.doing else ""
        starting = "" if self.begun else "it may still be loading libraries, or "
        return (
            f"no sign of life from its process for {self.silence.seconds:.0f} s{last} ({starting}it was stopped, or "
            "native code keeps Python's lock)"
        )


class Heartbeats:
    """Watches a pool's processes for signs of life. stall_after: seconds of silence that end one; None: no limit."""

    def __init__(self, stall_after: float | None, listen: Listen) -> None:
        self._stall_after, self._listen, self._clock = stall_after, listen, Clock(stall_after)
        self.every = self._clock.every
        self._processes: dict[str, _Process] = {}

    def hear(self, event: Event | Alive) -> None:
        """Counts an event of the pool as a sign of life, and passes on all but Alive."""
        doing = event.text if isinstance(event, Alive) else self._processes.get(event.id, _Process()).doing
        self._processes[event.id] = _Process(not isinstance(event, Begin), doing)
        if not isinstance(event, Alive):
            self._listen(event)

    def lost(self, running: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yields the running runs whose process must be killed, each with the reason. running: ids."""
        passed = self._clock.passed()
        self._processes = {id: self._processes.get(id, _Process()) for id in running}
        for id, process in self._processes.items():
            process.silence.seconds += passed
            least = 0.0 if process.begun else FIRST_SECONDS
            if self._stall_after is not None and process.silence.seconds >= max(self._stall_after, least):
                yield id, f"{process.sentence}; the same command repeats the run"
            elif process.silence.is_due():
                self._listen(Remark(id, process.sentence))
