"""Shows the progress of runs: a single line on a terminal, else a line per finished run and one a minute."""

from __future__ import annotations

import html
import importlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from benchmarks.runner.pace import Pace, together
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
"""Longest silence of a log, in seconds: build machines end programs that print nothing."""
SHORT_SECONDS = 60.0
"""First epochs shorter than this are not measured: starting the process and loading data dominate them."""
NAMED = 3
"""Most runs under way that a line names."""


@dataclass
class _RunState:
    """State of a run.

    epoch_seconds: expected per epoch. left: epochs to be trained. heard: time of its last event, on the display's
    clock; None unless it is under way. first: whether it has no epoch yet in this process. done: epochs trained. where:
    node of its job. result: of the last evaluation, in words. busy: whether it was reported that another command trains
    it.
    """

    run: Run
    epoch_seconds: float
    left: float
    heard: float | None = None
    first: bool = True
    done: float = 0
    where: str = ""
    result: str = ""
    busy: bool = False


class Display:
    """Shows the events of runs (see pool.train_all): runs done, epochs, accuracy, clock and the remaining time.

    jobs: runs that are trained in parallel. now: a clock, in seconds.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        console: Console,
        pace: Pace | None = None,
        jobs: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        pace = pace or Pace()
        self._runs = {run.id: _RunState(run, pace.of(run), run.spec.workload.epochs) for run in runs}
        self._console, self._jobs, self._now, self.done = console, jobs, now, 0
        self._measured = self._expected = 0.0  # seconds of the epochs so far
        self._starting, self._started = pace.start_seconds, now()  # seconds until a process trains; 0 once one does
        self._queue = ""  # what an engine's jobs wait for, and where they run
        self._progress: Progress | NotebookBar | None = None
        self._over, self._printed = threading.Event(), now()
        if console.is_terminal:
            detail = TextColumn("{task.fields[detail]}", table_column=Column(no_wrap=True, overflow="ellipsis"))
            bar = BarColumn(bar_width=20), MofNCompleteColumn()
            self._progress = Progress(*bar, TimeElapsedColumn(), detail, console=console, transient=True)
        elif console.is_jupyter:
            self._progress = NotebookBar()

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
            self._task = self._progress.add_task("", total=len(self._runs), detail=self._left)
        else:
            threading.Thread(target=self._beat, name="progress", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Handles an event, and prints what the line does not show."""
        sentence = ""
        if isinstance(event, QueueState):
            self._queue = event.text
        else:
            sentence = self._take(event, self._runs[event.id])
        if self._progress is not None:
            self._progress.update(self._task, completed=self.done, detail=self._line)
        if sentence:
            self._print(sentence)
        if isinstance(event, Ended) and not (event.status == "finished" and self._progress is not None):
            self._print(self._ended(self._runs[event.id], event))

    def _take(self, event: Event, state: _RunState) -> str:
        """Updates the state of a run -> a line to print, or ""."""
        title = escape(state.run.title)
        match event:
            case Placed():
                state.where = event.text
            case Begin():
                state.heard, state.first, state.done = self._now(), True, 0
            case Resumed():
                self._starting = 0.0
                state.done, state.left = event.epoch, state.left - event.epoch
                return f"{title}: resumed after {event.text} of {state.run.spec.workload.epochs}"
            case Epoch():
                self._take_epoch(event, state)
            case Requeued():
                state.heard, state.where, state.left = None, "", state.run.spec.workload.epochs
                return f"{title}: {escape(event.text)}"
            case Busy():
                state.heard, before, state.busy = None, state.busy, True
                return "" if before else f"{title}: trained by another command ({escape(event.text)}); waiting"
            case Remark():
                return f"[yellow]{title}:[/] {escape(event.text)}"
            case Ended():
                self.done += 1
                self._starting = 0.0
                state.heard, state.left = None, 0
        return ""

    def _take_epoch(self, event: Epoch, state: _RunState) -> None:
        self._starting = 0.0
        now, epochs = self._now(), event.epoch - state.done
        seconds = now - (now if state.heard is None else state.heard)
        if not state.first or seconds > SHORT_SECONDS:
            self._measured += seconds
            self._expected += epochs * state.epoch_seconds
        state.heard, state.first, state.done, state.left = now, False, event.epoch, state.left - epochs
        trained = f"{event.epoch:g} epoch{'' if event.epoch == 1 else 's'}"
        state.result = f", {trained}, {judged(state.run.labels.judge, event.metrics)}, {clock(event.metrics)}"

    @property
    def begun(self) -> tuple[str, ...]:
        """Ids of the runs under way."""
        return tuple(id for id, state in tuple(self._runs.items()) if state.heard is not None)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds until all runs have ended: as expected, corrected by how long epochs take now."""
        factor, now = self._measured / self._expected if self._expected else 1.0, self._now()
        left = []
        for state in self._runs.values():
            epoch_seconds = state.epoch_seconds * factor
            passed = 0.0 if state.heard is None or self._starting else now - state.heard
            left.append(max(0.0, state.left * epoch_seconds - min(passed, epoch_seconds)))
        return max(0.0, self._starting - (now - self._started)) + together(left, self._jobs)

    @property
    def _left(self) -> str:
        return f"about {duration(self.seconds)} left"

    def pulse(self) -> None:
        """Prints the state of all runs if nothing was printed for EVERY_SECONDS."""
        if self._now() - self._printed >= EVERY_SECONDS:
            self._print(f"[{self.done}/{len(self._runs)}] {self._line}")

    @property
    def _line(self) -> str:
        """Says how long it will still take, and which runs are under way."""
        named, begun = [], [self._runs[id] for id in self.begun]
        for state in begun[:NAMED]:
            where = f", {state.where}" if state.where else ""
            epochs = f"epoch {state.done:g} of {state.run.spec.workload.epochs}"
            named.append(f"{state.run.title} ({epochs}{where})")
        more = f" and {len(begun) - NAMED} more" if len(begun) > NAMED else ""
        under_way = f"; under way: {escape(', '.join(named))}{more}" if named else ""
        queue = f"; {escape(self._queue)}" if self._queue else ""
        return f"{self._left}{queue}{under_way}"

    def _beat(self) -> None:
        while not self._over.wait(max(0.0, self._printed + EVERY_SECONDS - self._now())):
            self.pulse()

    def _print(self, line: str) -> None:
        self._printed = self._now()
        self._console.print(line, highlight=False, soft_wrap=True)

    def _ended(self, state: _RunState, end: Ended) -> str:
        reason = f": {escape(end.reason)}" if end.reason else ""
        words = end.status if end.status == "finished" else f"[bold red]{end.status}[/]{reason}"
        if end.status != "failed":
            words += state.result
        more = f"; {self._left}" if self.done < len(self._runs) else ""
        return f"[{self.done}/{len(self._runs)}] {escape(state.run.title)}: {words}{more}"


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
    """Returns "1 run", "2 runs"."""
    return f"{count} run{'' if count == 1 else 's'}"


def judged(judge: Judge, metrics: Mapping[str, float]) -> str:
    """Returns the value by which the evaluation is judged: "87.0 %", "1.88 nats"; small values have two digits."""
    value, digits = judge.of(metrics), judge.digits or 1
    return f"{value:{'.2g' if 0 < abs(value) < 10**-digits else f'.{digits}f'}} {judge.unit}".rstrip()


def clock(metrics: Mapping[str, float]) -> str:
    """Describes the seconds of an evaluation on its run's clock."""
    if "virtual_seconds" in metrics:
        seconds = metrics["virtual_seconds"]
        return f"{seconds:.2f} simulated s" if seconds >= 0.1 else f"{seconds:.2g} simulated s"
    return f"{metrics['train_seconds']:.1f} s of training"


def duration(seconds: float) -> str:
    """Describes a duration: "90 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{max(0, seconds):.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
