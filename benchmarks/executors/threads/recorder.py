"""Threads whose schedule is recorded: what every effect met of what workers share, so that it can be replayed.

A worker notes its effects in its own order, a letter each, and what they met: versions of weights, statistics and
tally (numerics.accesses); a batch's ticket, an item's place in its channel, a counter's value, an average's `last`.
No time is noted: each number says which access of another worker came before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.numerics.accesses import Accesses, note, note_into
from benchmarks.executors.threads.channels import SharedChannels
from benchmarks.executors.threads.executor import ThreadsExecutor
from benchmarks.executors.threads.monitor import Monitor, Turn
from benchmarks.hardware.price import Price
from methods import effects as e
from results.records import schedule
from results.records.schedule import Part, WorkerSchedule

LETTERS: dict[type[e.Effect], str] = {
    e.NextBatch: "N",
    e.Snapshot: "S",
    e.Forward: "F",
    e.Loss: "L",
    e.Backward: "B",
    e.Update: "U",
    e.Lag: "V",
    e.Drop: "D",
    e.Put: "P",
    e.Get: "G",
    e.Close: "X",
    e.Count: "C",
    e.Await: "W",
    e.AllReduce: "R",
    e.Average: "A",
    e.Correct: "K",
}
END = -1
"""Instead of a ticket or an item's place: there are no more."""

Handler = Callable[[e.Worker, Any], Any]
Outcome = Callable[[Handler, e.Worker, Any], Any]


class NotedItems(deque[Any]):
    """A channel's items, whose places are noted; under the monitor's lock."""

    def __init__(self) -> None:
        super().__init__()
        self.came = self.gone = 0

    def append(self, item: Any) -> None:
        note(self.came)
        self.came += 1
        super().append(item)

    def popleft(self) -> Any:
        note(self.gone)
        self.gone += 1
        return super().popleft()


class NotedChannels(SharedChannels):
    make_items = NotedItems


class RecordingExecutor(ThreadsExecutor):
    """The threads executor, with readers and writers of a layer kept apart, and all of it noted. team: with tensors."""

    def __init__(self, team: Any, *, threads: int = 1) -> None:
        super().__init__(team, threads=threads)
        self.accesses = Accesses(team)
        self._parts: list[Part] = []
        self._begun = False  # writing

    def run(self, workers: Iterable[e.Worker]) -> None:
        crew = list(workers)
        self._noted = {worker.name: WorkerSchedule() for worker in crew}
        if len(self._noted) < len(crew):
            raise UserError("--record knows workers by role, index and device, and two of the method's are alike.")
        self.accesses.clear()
        super().run(crew)
        self._parts.append(self._noted)

    def taken(self) -> list[Part]:
        """The schedule of the runs since it was taken last."""
        parts, self._parts = self._parts, []
        return parts

    def write(self, folder: Path, epoch: int) -> None:
        """That of an epoch (1 is the first), into the run's folder. Raises ResultsError."""
        if not self._begun:
            schedule.begin(folder, after=epoch - 1)
            self._begun = True
        schedule.append(folder, epoch, self.taken())

    def _make_monitor(self, turns: list[Turn]) -> Monitor:
        for turn in turns:
            turn.context.run(note_into, self._noted[turn.worker.name].numbers)
        return super()._make_monitor(turns)

    def _make_channels(self) -> SharedChannels:
        return NotedChannels(self._monitor)

    def _make_handlers(self) -> dict[type, Handler]:
        handlers = super()._make_handlers()
        outcomes: dict[type[e.Effect], Outcome] = {
            e.NextBatch: self._take_batch,
            e.Get: _get,
            e.Count: _count,
            e.Await: _await,
            e.Average: _average,
        }
        for kind, outcome in outcomes.items():
            handlers[kind] = _with(outcome, handlers[kind])
        return {kind: self._lettered(LETTERS[kind], handler) for kind, handler in handlers.items()}

    def _lettered(self, letter: str, handler: Handler) -> Handler:
        noted = self._noted

        def carry_out(worker: e.Worker, effect: Any) -> Any:
            noted[worker.name].effects.append(letter)
            return handler(worker, effect)

        return carry_out

    def _take_batch(self, handler: Handler, worker: e.Worker, effect: e.NextBatch) -> Any:
        step = handler(worker, effect)
        note(END if step is None else step.index - self.team.epoch * self.team.steps_per_epoch)
        return step


def _with(outcome: Outcome, handler: Handler) -> Handler:
    return lambda worker, effect: outcome(handler, worker, effect)


def _get(handler: Handler, worker: e.Worker, effect: e.Get) -> Any:
    def got(item: Any) -> Any:
        if item is None:
            note(END)
        return item

    return handler(worker, effect).then(got)


def _count(handler: Handler, worker: e.Worker, effect: e.Count) -> int:
    value: int = handler(worker, effect)
    note(value)
    return value


def _await(handler: Handler, worker: e.Worker, effect: e.Await) -> Any:
    def reached(value: e.CounterValue) -> e.CounterValue:
        note(int(value))
        note(int(value.ended))
        return value

    return handler(worker, effect).then(reached)


def _average(handler: Handler, worker: e.Worker, effect: e.Average) -> Any:
    note(int(effect.last))
    return handler(worker, effect)


def build(team: DryTeam, price: Price | None, threads: int) -> RecordingExecutor:
    """For the registry."""
    return RecordingExecutor(team, threads=threads)
