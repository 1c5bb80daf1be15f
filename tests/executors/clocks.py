"""Workers on the virtual clock."""

from __future__ import annotations

from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.spans import Span
from benchmarks.hardware.price import Price
from methods import (
    Backward,
    Forward,
    Loss,
    NextBatch,
    Program,
    Update,
)
from tests.executors.crews import crew

ONE = Price.uniform(1, 1.0, 2.0)


class Watched(VirtualExecutor):
    """Keeps what it tells."""

    def __init__(self, team: SimulatedTeam, price: Price) -> None:
        self.spans: list[Span] = []
        super().__init__(team, price, listen=self.spans.append)

    @property
    def timed(self) -> list[tuple[str, str, tuple[int, ...], float, float]]:
        """Worker, effect, layers, start and end of what took time."""
        return [(s.worker, s.effect, s.layers, s.start, s.end) for s in self.spans if s.seconds > 0]


def run(team: SimulatedTeam, price: Price, *programs: Program, devices: tuple[int, ...] | None = None) -> Watched:
    executor = Watched(team, price)
    executor.run(crew(*programs, devices=devices))
    return executor


def steps(team: SimulatedTeam, *, limit: int = 10**6, replica: int = 0, update: bool = True) -> Program:
    """Plain training of a replica, for at most so many steps."""
    mine = team.replicas[replica]
    while limit and (step := (yield NextBatch(mine))) is not None:
        limit -= 1
        for layer in mine.layers:
            yield Forward(layer, step)
        yield Loss(step)
        for layer in reversed(mine.layers):
            gradient = yield Backward(layer, step)
            if update:
                yield Update(gradient)
