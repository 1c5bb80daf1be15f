"""The line that says how far a grid of runs is; without a terminal one for each run that ends, and one a minute."""

from __future__ import annotations

import html
import importlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from benchmarks.runner.pace import Pace, Remaining
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import (
    Begin,
    Busy,
    Ended,
    Epoch,
    Event,
    Placed,
    QueueState,
    Remark,
    Requeued,
    Resumed,
)
from results.records.spec import Judge

EVERY_SECONDS = 60.0
"""Seconds that a log is silent at most: a build machine ends what says nothing."""
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
        self.busy: set[str] = set()  # of which it was said that another command trains them
        self.progress: Progress | NotebookBar | None = None
        self.over, self.said = threading.Event(), now()
        if console.is_terminal:
            detail = TextColumn("{task.fields[detail]}", table_column=Column(no_wrap=True, overflow="ellipsis"))
            bar = BarColumn(bar_width=20), MofNCompleteColumn()
            self.progress = Progress(*bar, TimeElapsedColumn(), detail, console=console, transient=True)
        elif console.is_jupyter:
            self.progress = NotebookBar()

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
        """Take in what happened to a run, and say what is not shown by the line."""
        if isinstance(event, QueueState):
            self.queue = event.text
            self._update()
            return
        run, said = self.runs[event.id], ""
        match event:
            case Placed():
                self.where[run.id] = event.text
            case Begin():
                self.heard[run.id] = 0
                self.remaining.begin(run.id)
            case Resumed():
                self.heard[run.id] = event.epoch
                self.remaining.resumed(run.id, event.epoch)
                said = f": resumed after {event.text} of {run.spec.workload.epochs}"
            case Epoch():
                self.remaining.epoch(run.id, event.epoch - self.heard[run.id])
                self.heard[run.id] = event.epoch
                epochs = f"{event.epoch:g} epoch{'' if event.epoch == 1 else 's'}"
                self.last[run.id] = f", {epochs}, {judged(run.labels.judge, event.metrics)}, {clock(event.metrics)}"
            case Requeued():
                self._leave(run.id)
                self.remaining.again(run.id, run.spec.workload.epochs)
                said = f": {escape(event.text)}"
            case Busy():
                self._leave(run.id)
                if run.id not in self.busy:
                    said = f": trained by another command ({escape(event.text)}); waiting"
                self.busy.add(run.id)
            case Remark():
                self._say(f"[yellow]{escape(run.title)}:[/] {escape(event.text)}")
            case Ended():
                self.done += 1
                self._leave(run.id)
                self.remaining.end(run.id)
        self._update()
        if said:
            self._say(f"{escape(run.title)}{said}")
        if isinstance(event, Ended) and not (event.status == "finished" and self.progress is not None):
            self._say(self._ended(run, event))

    @property
    def begun(self) -> tuple[str, ...]:
        """The ids of the runs under way."""
        return tuple(self.heard)

    @property
    def left(self) -> str:
        """Remaining time, in words."""
        return f"about {duration(self.remaining.seconds)} left"

    def pulse(self) -> None:
        """Say how far it is, if nothing has been said for long."""
        if self.now() - self.said >= EVERY_SECONDS:
            self._say(f"[{self.done}/{len(self.runs)}] {self._line}")

    @property
    def _line(self) -> str:
        """Says how long it still takes, and which runs are under way."""
        named = []
        for id in self.begun[:NAMED]:
            run, where = self.runs[id], f", {self.where[id]}" if id in self.where else ""
            named.append(f"{run.title} (epoch {self.heard[id]:g} of {run.spec.workload.epochs}{where})")
        more = f" and {len(self.heard) - NAMED} more" if len(self.heard) > NAMED else ""
        under_way = f"; under way: {escape(', '.join(named))}{more}" if named else ""
        queue = f"; {escape(self.queue)}" if self.queue else ""
        return f"{self.left}{queue}{under_way}"

    def _update(self) -> None:
        """Renew the line on a terminal."""
        if self.progress is not None:
            self.progress.update(self.whole, completed=self.done, detail=self._line)

    def _beat(self) -> None:
        while not self.over.wait(max(0.0, self.said + EVERY_SECONDS - self.now())):
            self.pulse()

    def _say(self, words: str) -> None:
        """Print one line, also in a pipe."""
        self.said = self.now()
        self.console.print(words, highlight=False, soft_wrap=True)

    def _leave(self, id: str) -> None:
        """The run is not under way any more."""
        self.heard.pop(id, None)
        self.where.pop(id, None)
        self.remaining.wait(id)

    def _ended(self, run: Run, end: Ended) -> str:
        reason = f": {escape(end.reason)}" if end.reason else ""
        words = end.status if end.status == "finished" else f"[bold red]{end.status}[/]{reason}"
        if end.status != "failed":
            words += self.last.get(run.id, "")
        more = f"; {self.left}" if self.done < len(self.runs) else ""
        return f"[{self.done}/{len(self.runs)}] {escape(run.title)}: {words}{more}"


class NotebookBar:
    """A bar below a notebook's cell, with the methods of rich's, which would need ipywidgets."""

    def start(self) -> None:
        self._display: Any = importlib.import_module("IPython.display")

    def add_task(self, description: str, *, total: int, detail: str) -> TaskID:
        self._total = total
        self._handle = self._display.display(self._shown(0, detail), display_id=True)
        return TaskID(0)

    def update(self, task: TaskID, *, completed: int, detail: str) -> None:
        self._handle.update(self._shown(completed, detail))

    def stop(self) -> None:
        self._handle.update(self._display.HTML(""))

    def _shown(self, done: int, detail: str) -> object:
        bar = f'<progress value="{done}" max="{self._total}"></progress>'
        return self._display.HTML(f"{bar} {done}/{self._total}, {html.escape(detail)}")


def runs(count: int) -> str:
    """ "1 run", "2 runs"."""
    return f"{count} run{'' if count == 1 else 's'}"


def judged(judge: Judge, metrics: Mapping[str, float]) -> str:
    """Value that the evaluation is judged by, in words: "87.0 %", "1.88 nats"; of a smaller one two digits."""
    value, digits = judge.of(metrics), judge.digits or 1
    return f"{value:{'.2g' if 0 < abs(value) < 10**-digits else f'.{digits}f'}} {judge.unit}".rstrip()


def clock(metrics: Mapping[str, float]) -> str:
    """The seconds of an evaluation on its run's clock, in words."""
    if "virtual_seconds" in metrics:
        seconds = metrics["virtual_seconds"]
        return f"{seconds:.2f} simulated s" if seconds >= 0.1 else f"{seconds:.2g} simulated s"
    return f"{metrics['train_seconds']:.1f} s of training"


def duration(seconds: float) -> str:
    """A duration in words."""
    if seconds < 100:
        return f"{max(0, seconds):.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
