"""Workers on the virtual clock."""

from __future__ import annotations

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
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


def run(team: DryTeam, price: Price, *programs: Program, devices: tuple[int, ...] | None = None) -> VirtualExecutor:
    executor = VirtualExecutor(team, price)
    executor.trace = []
    executor.run(crew(*programs, devices=devices))
    return executor


def steps(team: DryTeam, *, limit: int = 10**6, replica: int = 0, update: bool = True) -> Program:
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
