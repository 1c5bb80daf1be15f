"""Simulates one epoch of a method on the virtual clock, without tensors."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import Method

Layers = Sequence[tuple[str, int]]
"""(name, parameters) of each layer."""


def team_of(method: Method, layers: Layers, steps: int) -> SimulatedTeam:
    """Returns the method's team at the start of an epoch in its last phase.

    steps: batches of the epoch; those that the replicas do not divide are dropped.
    """
    team = SimulatedTeam.of(layers, replicas=method.replicas, steps_per_epoch=steps)
    team.accounts.epoch = team.epochs  # the first epoch after all phases
    return team


def simulate_epoch(method: Method, price: Price, layers: Layers, steps: int) -> VirtualExecutor:
    """Simulates such an epoch -> the executor, whose `now` is the epoch's seconds."""
    executor = VirtualExecutor(team_of(method, layers, steps), price)
    executor.run(method.workers(executor.team))
    executor.team.accounts.end_epoch()
    return executor
