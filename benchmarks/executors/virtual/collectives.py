"""Collectives on the virtual clock: workers of one epoch that meet, and what they bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.virtual.devices import Clock, Device, DeviceJob
from benchmarks.executors.virtual.processes import BLOCKED, Process, Ready
from benchmarks.hardware.price import Price
from methods import effects as e

Collective = e.AllReduce | e.Average


@dataclass(frozen=True)
class Member:
    """A worker that has arrived."""

    process: Process
    effect: Collective
    brought: Any


class Collectives:
    """guarded: calls a function, and lets what it raises fail the worker. tell: of an effect, and when it started."""

    def __init__(
        self,
        team: DryTeam,
        clock: Clock,
        price: Price,
        ready: Ready,
        guarded: Callable[..., Any],
        tell: Callable[[Process, e.Effect, float], None],
        device: Callable[[Process], Device],
    ) -> None:
        self.team, self.clock, self.price, self.ready, self.guarded = team, clock, price, ready, guarded
        self.tell, self.device = tell, device
        self._arrived: dict[e.Group, list[Member]] = {}

    def all_reduce(self, process: Process, effect: e.AllReduce) -> Any:
        gradient: Any = effect.gradient
        return self._meet(process, effect, gradient, [gradient.layer.index], self._reduced)

    def _reduced(self, members: Sequence[Member]) -> list[Any]:
        return self.team.all_reduce([member.brought for member in members])

    def average(self, process: Process, effect: e.Average) -> Any:
        layers = [layer.index for layer in effect.replica.layers]
        copies = 1 + self.team.state_copies * effect.state
        return self._meet(
            process, effect, self.team.flat(effect.replica, state=effect.state), layers * copies, self._averaged
        )

    def _averaged(self, members: Sequence[Member]) -> list[Any]:
        mean = self.team.mean_flat([member.brought for member in members])
        effects = [member.effect for member in members if isinstance(member.effect, e.Average)]
        last = all(effect.last for effect in effects)
        return [
            self.team.averaged(effect, mean, member.brought, last)
            for effect, member in zip(effects, members, strict=True)
        ]

    def _meet(
        self,
        process: Process,
        effect: Collective,
        brought: Any,
        layers: Sequence[int],
        result: Callable[[Sequence[Member]], list[Any]],
    ) -> Any:
        """Wait for the other members; when all are there and the seconds have passed, everyone gets its result."""
        group = effect.group
        arrived = self._arrived.setdefault(group, [])
        arrived.append(Member(process, effect, brought))
        process.waits_for = f"the other members of {group.name}"
        if len(arrived) == group.members:
            members = sorted(self._arrived.pop(group), key=lambda member: member.effect.replica.index)
            started = self.clock.now

            def done() -> None:
                for member, value in zip(members, self.guarded(process, result, members), strict=True):
                    self.tell(member.process, member.effect, started)
                    self.ready.append((member.process, value))

            self._charge(process, effect, layers, done)
        return BLOCKED

    def _charge(self, process: Process, effect: Collective, layers: Sequence[int], done: Callable[[], None]) -> None:
        """The messages' time, which is no device's, and before it what the mean takes of the last member's device."""
        members = effect.group.members
        way = self.price.all_reduce(layers, members)
        computing = self.price.reduction(layers, members, weights=isinstance(effect, e.Average))
        computing *= len(layers) / len(set(layers))  # its optimizer's state as well
        if computing:

            def computed(_: None) -> None:
                self.clock.after(way, done)

            self.device(process).ask(DeviceJob(computing, lambda: None, computed))
        else:
            self.clock.after(way, done)
