"""Collectives on the virtual clock: workers of one epoch that meet, and what they bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.virtual.devices import Clock
from benchmarks.executors.virtual.processes import BLOCKED, Process, Ready
from benchmarks.hardware.price import Price
from methods import effects as e

Members = list[tuple[Process, Any, Any]]  # in the order of the replicas: who, the replica, what it brought


class Collectives:
    """guarded: calls a function, and lets what it raises fail the worker."""

    def __init__(self, team: DryTeam, clock: Clock, price: Price, ready: Ready, guarded: Callable[..., Any]) -> None:
        self.team, self.clock, self.price, self.ready, self.guarded = team, clock, price, ready, guarded
        self._arrived: dict[e.Group, Members] = {}

    def all_reduce(self, process: Process, effect: e.AllReduce) -> Any:
        gradient: Any = effect.gradient
        seconds = self.price.all_reduce([gradient.layer.index], effect.group.members)
        return self._meet(process, effect, gradient, seconds, self._reduced)

    def _reduced(self, members: Members) -> list[Any]:
        return self.team.mean_gradients([gradient for _, _, gradient in members])

    def average(self, process: Process, effect: e.Average) -> Any:
        brought = (self.team.flat(effect.replica), effect.last)
        layers = [layer.index for layer in effect.replica.layers]
        seconds = self.price.all_reduce(layers, effect.group.members)
        return self._meet(process, effect, brought, seconds, self._averaged)

    def _averaged(self, members: Members) -> list[Any]:
        mean = self.team.mean_flat([snapshot for _, _, (snapshot, _) in members])
        for _, replica, (snapshot, _) in members:
            self.team.add_mean(replica, mean, snapshot)
        return [all(last for _, _, (_, last) in members)] * len(members)

    def _meet(
        self, process: Process, effect: Any, brought: Any, seconds: float, result: Callable[[Members], list[Any]]
    ) -> Any:
        """Wait for the other members; when all are there and the seconds have passed, everyone gets its result."""
        group: e.Group = effect.group
        arrived = self._arrived.setdefault(group, [])
        arrived.append((process, effect.replica, brought))
        process.waits_for = f"the other members of {group.name}"
        if len(arrived) == group.members:
            members = sorted(self._arrived.pop(group), key=lambda member: member[1].index)

            def done() -> None:
                for member, value in zip(members, self.guarded(process, result, members), strict=True):
                    self.ready.append((member[0], value))

            self.clock.after(seconds, done)
        return BLOCKED
