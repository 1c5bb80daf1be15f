"""Helpers for tests: hand-written workers, on any executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam, Team
from benchmarks.hardware.price import Price
from methods import Effect, Program, Worker
from tests.conformance.small import bounded

EXECUTORS = executors.in_one_process()


def team_of(layers: int = 1, replicas: int = 1, steps: int = 4) -> SimulatedTeam:
    return SimulatedTeam.of([(f"layer{i}", 1) for i in range(layers)], replicas=replicas, steps_per_epoch=steps)


def crew(*programs: Program, devices: tuple[int, ...] | None = None) -> list[Worker]:
    """Returns workers 'w 0', 'w 1', ...; devices: by default each has its own."""
    places = devices or tuple(range(len(programs)))
    return [Worker(p, device=d, role="w", index=i) for i, (p, d) in enumerate(zip(programs, places, strict=True))]


def carry_out(
    executor: str, *programs: Program, team: Team | None = None, devices: tuple[int, ...] | None = None
) -> None:
    """Runs the workers to completion on this executor; raises its errors."""
    team = team or team_of()
    runner = executors.executor(executor).build(team, Price.uniform(len(team.replica.layers), 1.0, 1.0), 1)
    bounded(lambda: runner.run(crew(*programs, devices=devices)))


def program(*effects: Effect, into: list[Any] | None = None) -> Program:
    """Yields these effects, and appends their values to `into`."""
    for effect in effects:
        value = yield effect
        if into is not None:
            into.append(value)


def endless(effect: Callable[[], Effect]) -> Program:
    while True:
        yield effect()
