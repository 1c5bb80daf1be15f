"""Helpers for tests: run workers on the virtual clock."""

from __future__ import annotations

from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.spans import Span
from benchmarks.hardware.price import Price
from methods import Backward, Forward, Loss, NextBatch, Program, Update
from tests.executors.crews import crew

ONE = Price.uniform(1, 1.0, 2.0)


class Watched(VirtualExecutor):
    """A virtual executor that keeps the spans it reports."""

    def __init__(self, team: SimulatedTeam, price: Price) -> None:
        self.spans: list[Span] = []
        super().__init__(team, price, listen=self.spans.append)

    @property
    def timed(self) -> list[tuple[str, str, tuple[int, ...], float, float]]:
        """Returns worker, effect, layers, start and end of each span that took time."""
        return [(s.worker, s.effect, s.layers, s.start, s.end) for s in self.spans if s.seconds > 0]


def run(team: SimulatedTeam, price: Price, *programs: Program, devices: tuple[int, ...] | None = None) -> Watched:
    executor = Watched(team, price)
    executor.run(crew(*programs, devices=devices))
    return executor


def steps(team: SimulatedTeam, *, limit: int = 10**6, replica: int = 0, update: bool = True) -> Program:
    """Trains a replica batch by batch, for at most `limit` steps. update: whether gradients are applied."""
    layers = team.replicas[replica].layers
    while limit and (step := (yield NextBatch(team.replicas[replica]))) is not None:
        limit -= 1
        for layer in layers:
            yield Forward(layer, step)
        yield Loss(step)
        for layer in reversed(layers):
            gradient = yield Backward(layer, step)
            if update:
                yield Update(gradient)
