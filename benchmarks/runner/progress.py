"""The line that says how far a grid of runs is; without a terminal one for each run that ends, and one a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from benchmarks.runner.pace import Pace, Remaining
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import (
    Begin,
    Busy,
    Epoch,
    Event,
    Placed,
    QueueState,
    Remark,
    Requeued,
    Resumed,
    Standstill,
)

EVERY_SECONDS = 60.0
"""That a log says nothing, at most: a build machine ends what is silent."""
NAMED = 3
"""Runs under way that a line names."""


class Display:
    """Hears of runs (see pool.train_all) and shows runs done, epoch, accuracy, clock and the time that remains.

    jobs: so many are trained side by side. now: a clock, in seconds.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        console: Console,
        pace: Pace | None = None,
        jobs: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runs = {run.id: run for run in runs}
        self.console, self.done, self.now = console, 0, now
        self.remaining = Remaining(runs, pace or Pace(), jobs, now)
        self.heard: dict[str, float] = {}  # epochs of each run that is under way
        self.last: dict[str, str] = {}  # how far each run is, in words
        self.where: dict[str, str] = {}  # of runs that jobs have: on which node
        self.queue = ""  # what an engine's jobs wait for, and where they run
        self.elsewhere: set[str] = set()  # of which it was said that another command trains them
        self.progress: Progress | None = None
        self.over, self.said = threading.Event(), now()
        if console.is_terminal:
            detail = TextColumn("{task.fields[detail]}", table_column=Column(no_wrap=True, overflow="ellipsis"))
            bar = BarColumn(bar_width=20), MofNCompleteColumn()
            self.progress = Progress(*bar, TimeElapsedColumn(), detail, console=console, transient=True)

    def __enter__(self) -> Self:
        if self.progress is not None:
            self.progress.start()
            self.whole = self.progress.add_task("", total=len(self.runs), detail=self.left)
        else:
            threading.Thread(target=self._beat, name="progress", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        if self.progress is not None:
            self.progress.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event, QueueState):
            self._queue(event.words)
            return
        run = self.runs[event.id]
        if isinstance(event, Placed):
            self.where[run.id] = event.where
        elif isinstance(event, Requeued):
            self._requeue(run, event.words)
        elif isinstance(event, Begin):
            self._begin(run)
        elif isinstance(event, Epoch):
            self._epoch(run, event.epoch, event.metrics)
        elif isinstance(event, Resumed):
            self._resumed(run, event.epoch, event.words)
        elif isinstance(event, Standstill | Remark):
            self._say(f"[yellow]{escape(run.title)}:[/] {escape(event.sentence)}")
        elif isinstance(event, Busy):
            self._wait(run, event.who)
        else:
            self._end(run, event.status, event.reason)

    @property
    def begun(self) -> tuple[str, ...]:
        """The ids of the runs under way."""
        return tuple(self.heard)

    @property
    def left(self) -> str:
        """How long it still takes, in words."""
        return f"about {duration(self.remaining.seconds)} left"

    def pulse(self) -> None:
        """Say how far it is, if nothing has been said for long."""
        if self.now() - self.said < EVERY_SECONDS:
            return
        self._say(f"[{self.done}/{len(self.runs)}] {self._line}")

    @property
    def _line(self) -> str:
        """What remains, and what is under way."""
        ids = self.begun
        named = ", ".join(escape(self._standing(id)) for id in ids[:NAMED])
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        under_way = f"; under way: {named}{more}" if ids else ""
        queue = f"; {escape(self.queue)}" if self.queue else ""
        return f"{self.left}{queue}{under_way}"

    def _update(self) -> None:
        """The line on a terminal."""
        if self.progress is not None:
            self.progress.update(self.whole, completed=self.done, detail=self._line)

    def _beat(self) -> None:
        while not self.over.wait(max(0.0, self.said + EVERY_SECONDS - self.now())):
            self.pulse()

    def _standing(self, id: str) -> str:
        run = self.runs[id]
        return f"{run.title} (epoch {self.heard.get(id, 0):g} of {run.spec.workload.epochs}{self._on(id)})"

    def _on(self, id: str) -> str:
        return f", {self.where[id]}" if id in self.where else ""

    def _say(self, words: str) -> None:
        """One line, also in a pipe."""
        self.said = self.now()
        self.console.print(words, highlight=False, soft_wrap=True)

    def _begin(self, run: Run) -> None:
        self.heard[run.id] = 0
        self.remaining.begin(run.id)
        self._update()

    def _resumed(self, run: Run, epoch: int, words: str) -> None:
        self.heard[run.id] = epoch
        self.remaining.resumed(run.id, epoch)
        self._update()
        self._say(f"{escape(run.title)}: resumed after {words} of {run.spec.workload.epochs}")

    def _epoch(self, run: Run, epoch: float, metrics: Mapping[str, float]) -> None:
        self.remaining.epoch(run.id, epoch - self.heard[run.id])
        self.heard[run.id] = epoch
        self._update()
        self.last[run.id] = (
            f", {epoch:g} epoch{'' if epoch == 1 else 's'}, {metrics['accuracy_percent']:.1f} %, {clock(metrics)}"
        )

    def _queue(self, words: str) -> None:
        self.queue = words
        self._update()

    def _requeue(self, run: Run, words: str) -> None:
        self._leave(run)
        self.remaining.again(run.id, run.spec.workload.epochs)
        self._say(f"{escape(run.title)}: {escape(words)}")

    def _leave(self, run: Run) -> None:
        """It is not under way any more, and has not ended."""
        self.heard.pop(run.id, None)
        self.where.pop(run.id, None)
        self.remaining.wait(run.id)
        self._update()

    def _wait(self, run: Run, who: str) -> None:
        self._leave(run)
        if run.id not in self.elsewhere:
            self._say(f"{escape(run.title)}: trained by another command ({escape(who)}); waiting")
        self.elsewhere.add(run.id)

    def _end(self, run: Run, status: str, reason: str) -> None:
        self.done += 1
        self.heard.pop(run.id, None)
        self.remaining.end(run.id)
        self._update()
        if status == "finished" and self.progress is not None:
            return
        words = status if status == "finished" else f"[bold red]{status}[/]{': ' + escape(reason) if reason else ''}"
        if status != "failed":
            words += self.last.get(run.id, "")
        more = f"; {self.left}" if self.done < len(self.runs) else ""
        self._say(f"[{self.done}/{len(self.runs)}] {escape(run.title)}: {words}{more}")


def runs(count: int) -> str:
    """ "1 run", "2 runs"."""
    return f"{count} run{'' if count == 1 else 's'}"


def clock(metrics: Mapping[str, float]) -> str:
    """The seconds of an evaluation on its run's clock, in words."""
    if "virtual_seconds" in metrics:
        seconds = metrics["virtual_seconds"]
        return f"{seconds:.2f} simulated s" if seconds >= 0.1 else f"{seconds:.2g} simulated s"
    return f"{metrics['train_seconds']:.1f} s of training"


def duration(seconds: float) -> str:
    """In words, for people."""
    if seconds < 100:
        return f"{max(0, seconds):.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
