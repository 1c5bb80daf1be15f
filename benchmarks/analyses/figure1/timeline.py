"""Timeline of a method's epoch on the virtual clock, recorded effect by effect, without tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.spans import Span
from benchmarks.hardware.price import Price


@dataclass(frozen=True)
class Timeline:
    """An epoch: its workers in the method's order, their spans as they ended; a span's step is counted from 0."""

    workers: tuple[str, ...]
    layers: tuple[str, ...]
    spans: tuple[Span, ...]
    makespan_seconds: float

    def of(self, worker: str, effect: str | None = None) -> list[Span]:
        return [span for span in self.spans if span.worker == worker and effect in (None, span.effect)]

    def busy_share(self, worker: str) -> float:
        """Returns the share of the makespan in which the worker computes, updates or communicates."""
        busy = math.fsum(span.seconds for span in self.of(worker))
        return busy / self.makespan_seconds if self.makespan_seconds else 0.0

    def batches(self, worker: str) -> int:
        """Returns the number of batches of which the worker computed something."""
        return len({span.step for span in self.of(worker) if span.effect in ("Forward", "Backward")})


def watch(method: methods.Method, price: Price, layers: Sequence[tuple[str, int]], batches: int) -> Timeline:
    """Simulates one epoch in the method's last phase -> its timeline. layers: (name, parameters).

    A method with several replicas drops the batches that these do not divide.
    """
    team = SimulatedTeam.of(layers, replicas=method.replicas, steps_per_epoch=batches)
    team.accounts.epoch = team.epochs  # past the methods' first phases
    reported: list[Span] = []
    workers = list(method.workers(team))
    executor = VirtualExecutor(team, price, listen=reported.append)
    executor.run(workers)
    first = team.epoch * team.steps_per_epoch
    spans = (replace(span, step=None if span.step is None else span.step - first) for span in reported if span.layers)
    names = tuple(worker.name for worker in workers)
    return Timeline(names, tuple(name for name, _ in layers), tuple(spans), executor.now)
