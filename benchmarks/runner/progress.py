"""The live display of a grid of runs; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Begin, Busy, Epoch, Event, Remark, Resumed, Standstill


class Display:
    """Hears of runs (see pool.train_all) and shows runs done, epoch, accuracy, clock and the time that remains."""

    def __init__(self, runs: Sequence[Run], console: Console) -> None:
        self.runs = {run.id: run for run in runs}
        self.console, self.done, self.epochs, self.begun = console, 0, 0, time.monotonic()
        self.planned = sum(run.spec.workload.epochs for run in runs)
        self.tasks: dict[str, TaskID] = {}
        self.heard: dict[str, int] = {}  # epochs of each run
        self.last: dict[str, str] = {}  # how far each run is, in words
        self.elsewhere: set[str] = set()  # of which it was said that another command trains them
        self.progress: Progress | None = None
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TextColumn("{task.fields[detail]}"),
                TimeElapsedColumn(),
            )
            self.progress = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> Self:
        if self.progress is not None:
            self.progress.start()
            self.whole = self.progress.add_task("[bold]all runs", total=len(self.runs), detail="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.progress is not None:
            self.progress.stop()

    def __call__(self, event: Event) -> None:
        run = self.runs[event.id]
        if isinstance(event, Begin):
            self._begin(run)
        elif isinstance(event, Epoch):
            self._epoch(run, event.epoch, event.metrics)
        elif isinstance(event, Resumed):
            self._resumed(run, event.epoch, event.words)
        elif isinstance(event, Standstill | Remark):
            words = f"[yellow]{escape(run.title)}:[/] {escape(event.sentence)}"
            self.console.print(words, highlight=False, soft_wrap=True)
        elif isinstance(event, Busy):
            self._wait(run, event.who)
        else:
            self._end(run, event.status, event.reason)

    def _begin(self, run: Run) -> None:
        if self.progress is not None:
            total = run.spec.workload.epochs
            self.tasks[run.id] = self.progress.add_task(escape(run.title), total=total, detail="")

    def _resumed(self, run: Run, epoch: int, words: str) -> None:
        self.planned -= epoch  # they are not trained again, and tell nothing of how long others take
        self.heard[run.id] = epoch
        if self.progress is not None:
            self.progress.update(self.tasks[run.id], completed=epoch)
        sentence = f"{escape(run.title)}: resumed after {words} of {run.spec.workload.epochs}"
        self.console.print(sentence, highlight=False, soft_wrap=True)

    def _epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        self.epochs += 1
        self.heard[run.id] = epoch
        if self.progress is not None:
            detail = f"{metrics['accuracy_percent']:.1f} %, {clock(metrics)}"
            self.progress.update(self.tasks[run.id], completed=epoch, detail=detail)
            self.progress.update(self.whole, detail=f"about {self.remaining()} left")
        self.last[run.id] = (
            f", {epoch} epoch{'' if epoch == 1 else 's'}, {metrics['accuracy_percent']:.1f} %, {clock(metrics)}"
        )

    def _wait(self, run: Run, who: str) -> None:
        if self.progress is not None:
            self.progress.remove_task(self.tasks.pop(run.id))
        if run.id not in self.elsewhere:
            words = f"{escape(run.title)}: trained by another command ({escape(who)}); waiting"
            self.console.print(words, highlight=False, soft_wrap=True)
        self.elsewhere.add(run.id)

    def _end(self, run: Run, status: str, reason: str) -> None:
        self.done += 1
        self.planned -= run.spec.workload.epochs - self.heard.get(run.id, 0)  # it may have stopped early
        if self.progress is not None:
            self.progress.remove_task(self.tasks.pop(run.id))
            self.progress.update(self.whole, completed=self.done)
        if status == "finished" and self.progress is not None:
            return
        words = status if status == "finished" else f"[bold red]{status}[/]{': ' + escape(reason) if reason else ''}"
        if status != "failed":
            words += self.last.get(run.id, "")
        self.console.print(
            f"[{self.done}/{len(self.runs)}] {escape(run.title)}: {words}"
            + (f"; about {self.remaining()} left" if self.done < len(self.runs) else ""),
            highlight=False,
            soft_wrap=True,  # one line a run, also in a pipe
        )

    def remaining(self) -> str:
        """Wall-clock time, from the epochs done so far."""
        left = (time.monotonic() - self.begun) / max(1, self.epochs) * (self.planned - self.epochs)
        return duration(left)


def runs(count: int) -> str:
    """ "1 run", "2 runs"."""
    return f"{count} run{'' if count == 1 else 's'}"


def clock(metrics: Mapping[str, float]) -> str:
    """The seconds of an evaluation on its run's clock, in words."""
    if "virtual_seconds" in metrics:
        return f"{metrics['virtual_seconds']:.2f} simulated s"
    return f"{metrics['train_seconds']:.1f} s of training"


def duration(seconds: float) -> str:
    """In words, for people."""
    if seconds < 100:
        return f"{max(0, seconds):.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
