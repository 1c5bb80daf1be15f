"""Records the order in which threads access shared data, so that a replay can repeat the run exactly.

A run on threads cannot be repeated otherwise, since the order of its updates is a race. For each worker the recorder
writes a letter per effect (LETTERS) and the numbers that the effect saw: versions of weights, of BatchNorm's statistics
and of the sum of losses (numerics/accesses.py), a batch's ticket, an item's place in its channel, a counter's value, an
average's `last`. Each number determines which access by another worker came before, so no times are needed. The replay
executor delays each access until the version is the recorded one.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Never

from benchmarks.errors import UserError
from benchmarks.executors.accounting import Step
from benchmarks.executors.numerics.accesses import Accesses, note, note_into
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import Team, checked
from benchmarks.executors.threads.channels import SharedChannels
from benchmarks.executors.threads.executor import Handler, ThreadsExecutor
from benchmarks.executors.threads.monitor import Monitor, Wait, WorkerTurn
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
    e.Compress: "E",
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
    e.Anchor: "H",
    e.Delta: "T",
    e.Outer: "O",
    e.Mix: "M",
    e.Now: "Z",
}
END, NOT_YET = -1, -2
"""Recorded instead of a ticket or an item's place: there are no more; none arrived by the deadline."""


class RecordedItems(deque[tuple[object, e.Worker | None]]):
    """A channel's items; records the place of each that is put or taken. The caller holds the monitor's lock."""

    def __init__(self) -> None:
        super().__init__()
        self.put_count = self.get_count = 0

    def append(self, item: tuple[object, e.Worker | None]) -> None:
        note(self.put_count)
        self.put_count += 1
        super().append(item)

    def popleft(self) -> tuple[object, e.Worker | None]:
        note(self.get_count)
        self.get_count += 1
        return super().popleft()


class RecordedChannels(SharedChannels):
    """Channels and counters that record the values they give."""

    make_items = RecordedItems

    def get(self, worker: e.Worker, effect: e.Get) -> Wait:
        return super().get(worker, effect).then(_record_end)

    def count(self, worker: e.Worker, effect: e.Count) -> int:
        value = super().count(worker, effect)
        note(value)
        return value

    def wait(self, worker: e.Worker, effect: e.Await) -> Wait:
        return super().wait(worker, effect).then(_record_value)


def _record_end(item: object) -> object:
    if item is None or item is e.LATE:
        note(END if item is None else NOT_YET)
    return item


def _record_value(value: object) -> e.CounterValue:
    value = checked(e.CounterValue, value)
    note(int(value))
    note(int(value.ended))
    return value


def bits_of(seconds: float) -> int:
    """Returns a float's bits as an integer, since schedules consist of integers."""
    return int.from_bytes(struct.pack(">d", seconds))


def seconds_of(bits: int) -> float:
    """Returns the float with these bits, the inverse of `bits_of`. Raises ValueError if there is none."""
    try:
        return float(struct.unpack(">d", bits.to_bytes(8))[0])
    except OverflowError as error:
        raise ValueError(f"{bits} is no time") from error


class RecordingExecutor(ThreadsExecutor):
    """The threads executor, with recording.

    A layer's readers and writers are kept apart by locks, so that each read sees exactly one version.
    """

    def __init__(self, team: TorchTeam, *, threads: int = 1) -> None:
        super().__init__(team, threads=threads)
        self.accesses = Accesses(team)
        self._parts: list[Part] = []
        self._writing = False

    def run(self, workers: Iterable[e.Worker]) -> None:
        workers = list(workers)
        self._schedules = {worker.name: WorkerSchedule() for worker in workers}
        if len(self._schedules) < len(workers):
            raise UserError(
                "--record identifies workers by role, index and device, and two workers of the method have the same."
            )
        self.accesses.clear()
        super().run(workers)
        self._parts.append(self._schedules)

    def take_schedule(self) -> list[Part]:
        """Returns the schedule of the parts run since the last call."""
        parts, self._parts = self._parts, []
        return parts

    def write(self, folder: Path, epoch: int) -> None:
        """Appends the schedule since the last call to the run's folder. epoch: from 1. Raises ResultsError."""
        if not self._writing:
            schedule.begin(folder, after=epoch - 1)
            self._writing = True
        schedule.append(folder, epoch, self.take_schedule())

    def _make_monitor(self, turns: list[WorkerTurn]) -> Monitor:
        for turn in turns:
            turn.context.run(note_into, self._schedules[turn.worker.name].numbers)
        return super()._make_monitor(turns)

    def _make_channels(self) -> SharedChannels:
        return RecordedChannels(self._monitor, self._traffic)

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        return {kind: self._recording(LETTERS[kind], handler) for kind, handler in super()._make_handlers().items()}

    def _recording(self, letter: str, handler: Handler) -> Handler:
        schedules = self._schedules

        def carry_out(worker: e.Worker, effect: Never) -> object:
            schedules[worker.name].effects.append(letter)
            if isinstance(effect, e.Average):
                note(int(effect.last))
            return handler(worker, effect)

        return carry_out

    def _now(self, worker: e.Worker, effect: e.Now) -> float:
        seconds = super()._now(worker, effect)
        note(bits_of(seconds))
        return seconds

    def _next_batch(self, worker: e.Worker, effect: e.NextBatch) -> Step | None:
        step = super()._next_batch(worker, effect)
        note(END if step is None else step.index - self.team.epoch * self.team.steps_per_epoch)
        return step


def build(team: Team, price: Price | None, threads: int) -> RecordingExecutor:
    """Makes the executor; called by the registry. price is ignored, since seconds are real."""
    return RecordingExecutor(checked(TorchTeam, team), threads=threads)
