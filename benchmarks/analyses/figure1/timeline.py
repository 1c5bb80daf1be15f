"""Who did what when on the virtual clock: an epoch of a method, watched effect by effect, without tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import methods
from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import effects as e


@dataclass(frozen=True, slots=True)
class Span:
    """One effect of one worker, in simulated seconds.

    step: the epoch's batch it was for; None where for none. home: the device whose weights it reads or writes.
    """

    worker: str
    effect: str
    layers: tuple[int, ...]
    step: int | None
    home: int
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Timeline:
    """An epoch: its workers in the method's order, their spans in the order in which they ended."""

    workers: tuple[str, ...]
    layers: tuple[str, ...]
    spans: tuple[Span, ...]
    makespan_seconds: float

    def of(self, worker: str, effect: str | None = None) -> list[Span]:
        return [span for span in self.spans if span.worker == worker and effect in (None, span.effect)]

    def busy_share(self, worker: str) -> float:
        """Of the makespan, the part in which the worker computes, updates or communicates."""
        busy = math.fsum(span.seconds for span in self.of(worker))
        return busy / self.makespan_seconds if self.makespan_seconds else 0.0

    def batches(self, worker: str) -> int:
        """Batches of which the worker computed something."""
        return len({span.step for span in self.of(worker) if span.effect in ("Forward", "Backward")})


def watch(method: methods.Method, price: Price, layers: Sequence[tuple[str, int]], batches: int) -> Timeline:
    """Run one epoch of so many batches in the method's last phase; layers: (name, parameters).

    A method with several replicas drops the batches that these do not divide.
    """
    team = DryTeam.of(layers, replicas=method.replicas, steps_per_epoch=batches)
    team.epoch = team.epochs  # past the methods' first phases
    executor = VirtualExecutor(team, price)
    executor.trace = []
    watcher = _Watcher(executor, first=team.epoch * team.steps_per_epoch)
    workers = [replace(worker, program=watcher.watched(worker)) for worker in method.workers(team)]
    executor.run(workers)
    names = tuple(worker.name for worker in workers)
    return Timeline(names, tuple(name for name, _ in layers), tuple(watcher.spans), executor.now)


class _Watcher:
    """Stands between workers and executor: the executor's trace says when an effect started, the effect for whom."""

    def __init__(self, executor: VirtualExecutor, first: int) -> None:
        self.executor, self.first, self.spans = executor, first, list[Span]()

    def watched(self, worker: e.Worker) -> e.Program:
        """The worker's program; whatever it yields is noted once it has been carried out."""
        value = None
        while True:
            try:
                effect = worker.program.send(value)
            except StopIteration:
                return
            value = yield effect
            self._note(worker.name, effect)

    def _note(self, worker: str, effect: e.Effect) -> None:
        layers, ticket = _about(effect)
        if not layers:
            return
        home = layers[0].device
        end, step = self.executor.clock.now, None if ticket is None else ticket - self.first
        indices, start = tuple(layer.index for layer in layers), self._start(worker, effect, end)
        self.spans.append(Span(worker, type(effect).__name__, indices, step, home, start, end))

    def _start(self, worker: str, effect: e.Effect, end: float) -> float:
        """An effect that took a device's time is the trace's latest; a collective starts with its last member."""
        if isinstance(effect, e.AllReduce | e.Average):
            indices = [layer.index for layer in _about(effect)[0]]
            return end - self.executor.price.all_reduce(indices, effect.group.members)
        last = self.executor.trace[-1] if self.executor.trace else None
        if last is not None and last[0] == worker and last[1] == type(effect).__name__ and last[4] == end:
            return last[3]
        return end


def _about(effect: e.Effect) -> tuple[tuple[Any, ...], int | None]:
    """The layers that an effect is about, none for an effect of no interest, and its batch's ticket."""
    match effect:
        case e.Forward() | e.Backward() | e.Snapshot():
            return (effect.layer,), effect.step.index
        case e.Update():
            gradients = effect.gradients
            return tuple(g.layer for g in gradients), getattr(gradients[0], "index", None)
        case e.AllReduce():
            return (effect.gradient.layer,), getattr(effect.gradient, "index", None)
        case e.Average():
            return tuple(effect.replica.layers), None
    return (), None
