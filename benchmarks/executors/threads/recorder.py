"""Threads whose schedule is recorded: what every effect met of what workers share, so that it can be replayed.

A worker notes its effects in its own order, a letter each, and what they met: versions of weights, statistics and
tally (numerics.accesses); a batch's ticket, an item's place in its channel, a counter's value, an average's `last`.
No time is noted: each number says which access of another worker came before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Never

from benchmarks.errors import UserError
from benchmarks.executors.accounting import Step
from benchmarks.executors.numerics.accesses import Accesses, note, note_into
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import Team, narrowed
from benchmarks.executors.threads.channels import SharedChannels
from benchmarks.executors.threads.executor import Handler, ThreadsExecutor
from benchmarks.executors.threads.monitor import Monitor, Turn, Wait
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
    e.Accumulate: "+",
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


class NotedItems(deque[object]):
    """A channel's items, whose places are noted; under the monitor's lock."""

    def __init__(self) -> None:
        super().__init__()
        self.came = self.gone = 0

    def append(self, item: object) -> None:
        note(self.came)
        self.came += 1
        super().append(item)

    def popleft(self) -> object:
        note(self.gone)
        self.gone += 1
        return super().popleft()


class NotedChannels(SharedChannels):
    """Channels and counters that note what they give."""

    make_items = NotedItems

    def get(self, worker: e.Worker, effect: e.Get) -> Wait:
        return super().get(worker, effect).then(_noted_end)

    def count(self, worker: e.Worker, effect: e.Count) -> int:
        value = super().count(worker, effect)
        note(value)
        return value

    def wait(self, worker: e.Worker, effect: e.Await) -> Wait:
        return super().wait(worker, effect).then(_noted_value)


def _noted_end(item: object) -> object:
    if item is None:
        note(END)
    return item


def _noted_value(value: object) -> e.CounterValue:
    value = narrowed(e.CounterValue, value)
    note(int(value))
    note(int(value.ended))
    return value


class RecordingExecutor(ThreadsExecutor):
    """The threads executor, with readers and writers of a layer kept apart, and all of it noted."""

    def __init__(self, team: TorchTeam, *, threads: int = 1) -> None:
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
        """Returns the schedule of the runs since it was taken last."""
        parts, self._parts = self._parts, []
        return parts

    def write(self, folder: Path, epoch: int) -> None:
        """Writes that of an epoch (1 is the first) into the run's folder. Raises ResultsError."""
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

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        return {kind: self._lettered(LETTERS[kind], handler) for kind, handler in super()._make_handlers().items()}

    def _lettered(self, letter: str, handler: Handler) -> Handler:
        noted = self._noted

        def carry_out(worker: e.Worker, effect: Never) -> object:
            noted[worker.name].effects.append(letter)
            if isinstance(effect, e.Average):
                note(int(effect.last))
            return handler(worker, effect)

        return carry_out

    def _next_batch(self, worker: e.Worker, effect: e.NextBatch) -> Step | None:
        step = super()._next_batch(worker, effect)
        note(END if step is None else step.index - self.team.epoch * self.team.steps_per_epoch)
        return step


def build(team: Team, price: Price | None, threads: int) -> RecordingExecutor:
    """Makes it for the registry."""
    return RecordingExecutor(narrowed(TorchTeam, team), threads=threads)
