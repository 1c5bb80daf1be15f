"""A thread that watches a run: it says when nothing gets on, and ends the run if that is wanted."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from benchmarks.executors.activity import Activity
from benchmarks.runner.run_progress import RunProgress

SILENT_SECONDS = 30.0  # before it is said for the first time; then each time that the silence has doubled
EVERY_SECONDS = 1.0


def every_seconds(stall_after: float | None) -> float:
    """Between two looks."""
    return EVERY_SECONDS if stall_after is None else min(EVERY_SECONDS, stall_after / 4)


class Watch:
    """Use it in a `with` statement around a run.

    What counts as progress: an effect that a worker asks for, a batch evaluated, something else to do. say: hears what
    stands still. give_up, once it is set, hears the same when nothing got on for stall_after seconds of training or
    evaluating (loading data and building a network tell of no progress: they are said, and never given up). beat: hears
    each time what the run is at. All are called in the watch's thread. What keeps Python's lock to itself stops the
    watch as well, which is then heard no more (heartbeat).
    """

    give_up: Callable[[str], None] | None = None

    def __init__(
        self,
        run_progress: RunProgress,
        say: Callable[[str], None],
        *,
        stall_after: float | None = None,
        beat: Callable[[str], None] = lambda at: None,
    ) -> None:
        self.run_progress, self.say, self.stall_after, self.beat = run_progress, say, stall_after, beat
        self.every = every_seconds(stall_after)
        self._now = self._since = 0.0
        self._seen: Any = None
        self._workers: dict[Activity, tuple[int, float]] = {}  # effects asked for, and since when as many
        self._next = SILENT_SECONDS
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
        last = time.monotonic()
        while not self._over.wait(self.every):
            now = time.monotonic()
            self.look(min(now - last, 2 * self.every))  # less than went by where the whole process was stopped
            last = now

    def look(self, seconds: float) -> None:
        """seconds: since the last look."""
        self._now += seconds
        asked = {activity: activity.effect_count for activity in self.run_progress.activities}
        self._workers = {
            one: self._workers[one] if self._workers.get(one, (-1,))[0] == count else (count, self._now)
            for one, count in asked.items()
        }
        seen = self.run_progress.doing, self.run_progress.evaluated, asked
        if seen != self._seen:
            self._seen, self._since, self._next = seen, self._now, SILENT_SECONDS
        silent = self._now - self._since
        self.beat(self._at())
        sentence = f"no progress for {silent:.0f} s while {self._at()}"
        trains = self.run_progress.executor is not None
        if self.give_up is not None and trains and self.stall_after is not None and silent >= self.stall_after:
            self.give_up(sentence)
        elif silent >= self._next:
            self._next = 2 * silent
            self.say(sentence)

    def _at(self) -> str:
        workers = "; ".join(f"{one} for {self._now - since:.0f} s" for one, (_, since) in self._workers.items())
        return self.run_progress.doing + (f": {workers}" if workers else "")


def stacks() -> str:
    """Stacks of all threads of this process but the one that asks."""
    frames = sys._current_frames()
    return "\n".join(
        f"{thread.name}:\n{''.join(traceback.format_stack(frames[thread.ident]))}"
        for thread in threading.enumerate()
        if thread.ident in frames and thread is not threading.current_thread()
    )
