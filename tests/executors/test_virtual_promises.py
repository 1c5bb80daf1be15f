"""The virtual clock: what it does not do yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.errors import WorkerFailed
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import AllReduce, Backward, Forward, Group, NextBatch, Program
from tests.executors.crews import carry_out, team_of


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_a_collective_that_fails_fails_a_member(executor: str) -> None:
    class Broken(SimulatedTeam):
        def mean_gradients(self, gradients: Sequence[Any]) -> list[Any]:
            raise MemoryError("out of memory")

    team, group = Broken(team_of(replicas=2).replicas, steps_per_epoch=2, epochs=1), Group(2)

    def member(q: int) -> Program:
        layer = team.replicas[q].layers[0]
        step = yield NextBatch(team.replicas[q])
        yield Forward(layer, step)
        yield AllReduce(group, team.replicas[q], (yield Backward(layer, step)))

    with pytest.raises(WorkerFailed, match="out of memory"):
        carry_out(executor, member(0), member(1), team=team)


def test_an_epoch_is_scheduled_the_same_whenever_it_starts() -> None:
    """Ties must not hang on how the seconds of earlier epochs were rounded: a resumed run starts its clock at 0."""
    method, price = methods.create("async_bu"), Price.uniform(7, 0.7, 0.6)
    team = SimulatedTeam.of([(str(i), 1) for i in range(7)], steps_per_epoch=30)
    executor, measured = VirtualExecutor(team, price), []
    for epoch in range(3):
        team.begin_epoch(epoch)
        executor.run(method.workers(team))
        measured.append([row["updates"] for row in team.accounts.staleness.per_layer()])
    assert measured[1] == measured[0]
    assert measured[2] == measured[0]
