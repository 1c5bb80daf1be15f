"""Workers with `outlives_epochs`: on the virtual clock they begin the next epoch as soon as they end this one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.sharing import OneMachine
from benchmarks.hardware.price import Price
from methods import Forward, NextBatch, Now, Program, Worker
from tests.executors.crews import team_of

PRICE = replace(Price.uniform(1, 1.0, 0.0), factors=[1.0, 3.0], lanes=2, lane_capacity=2.0)
Times = list[tuple[int, float, float]]


def passes(team: SimulatedTeam, device: int, into: Times) -> Program:
    """One forward pass, 1 s on device 0 and 3 s on device 1; records when it began and ended."""
    begun = yield Now()
    step = yield NextBatch(team.replica)
    yield Forward(team.replica.layers[0], step)
    into.append((device, begun, (yield Now())))


def sees(into: Times) -> Program:
    into.append((9, 0.0, (yield Now())))


def epoch(executor: VirtualExecutor, team: Any, number: int = 0, outlives: bool = True) -> tuple[Times, float]:
    """Returns what an epoch's workers recorded, and the time at its end. The last worker does not outlive epochs."""
    times: Times = []
    team.begin_epoch(number)
    crew = [Worker(passes(team, q, times), device=q, role="w", outlives_epochs=outlives) for q in (0, 1)]
    executor.run([*crew, Worker(sees(times), device=2, role="server")])
    return sorted(times), executor.now


def test_whoever_ends_first_begins_first() -> None:
    """Over three epochs; workers without `outlives_epochs` begin when all have ended."""
    team = team_of()
    executor = VirtualExecutor(team, PRICE)
    assert epoch(executor, team) == ([(0, 0, 1), (1, 0, 3), (9, 0, 0)], 3)
    assert epoch(executor, team, 1) == ([(0, 1, 2), (1, 3, 6), (9, 0, 3)], 6)
    assert epoch(executor, team, 2) == ([(0, 2, 3), (1, 6, 9), (9, 0, 6)], 9)


def test_leads_are_in_what_a_checkpoint_keeps() -> None:
    team, other_team = team_of(), team_of()
    first, second = VirtualExecutor(team, PRICE), VirtualExecutor(other_team, PRICE)
    epoch(first, team)
    other_team.resume(deepcopy(team.counts()))
    second.resume(first.now)
    assert epoch(second, other_team, 1) == epoch(first, team, 1)


def test_others_are_held_up_and_so_is_everybody_on_one_machine() -> None:
    for executor_class, outlives in ((VirtualExecutor, False), (OneMachine, True)):
        team = team_of()
        executor = executor_class(team, PRICE)
        _, end = epoch(executor, team, outlives=outlives)
        later, _ = epoch(executor, team, 1, outlives=outlives)
        assert [begun for device, begun, _ in later if device != 9] == [end, end]
        assert team.state == {}
