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


@dataclass(slots=True)
class Member:
    """A worker that has arrived."""

    process: Process
    effect: Collective
    brought: Any


class Reduction(DeviceJob):
    """The mean of what the members brought: a device's work. then: is called once it is over."""

    __slots__ = ("then",)

    def __init__(self, seconds: float, device: Device, then: Callable[[], Any]) -> None:
        super().__init__(seconds, device)
        self.then = then

    def done(self, result: Any) -> None:
        self.then()


class Collectives:
    """guarded: calls a function, and lets what it raises fail the worker.

    tell: of an effect, and when it started; None where nobody listens.
    """

    def __init__(
        self,
        team: DryTeam,
        clock: Clock,
        price: Price,
        ready: Ready,
        guarded: Callable[..., Any],
        tell: Callable[[Process, e.Effect, float], None] | None,
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
        if len(arrived) == group.members:
            members = sorted(self._arrived.pop(group), key=lambda member: member.effect.replica.index)
            started = self.clock.now

            def done() -> None:
                values = self.guarded(process, result, members)
                if self.tell is not None:
                    for member in members:
                        self.tell(member.process, member.effect, started)
                self.ready.extend(zip([member.process for member in members], values, strict=True))

            self._charge(process, members, layers, done)
        return BLOCKED

    def _charge(
        self, process: Process, members: Sequence[Member], layers: Sequence[int], done: Callable[[], None]
    ) -> None:
        """The messages' time, which is no device's, and before it what the mean takes of the last member's device."""
        way = self.price.all_reduce(layers, len(members), self._nodes(members))
        weights = isinstance(members[0].effect, e.Average)
        computing = self.price.reduction(layers, len(members), weights=weights)
        computing *= len(layers) / len(set(layers))  # its optimizer's state as well
        if computing:
            device = self.device(process)
            device.ask(Reduction(computing, device, lambda: self.clock.after(way, done)))
        else:
            self.clock.after(way, done)

    def _nodes(self, members: Sequence[Member]) -> int:
        """How many the members' devices are of."""
        if (nodes := self.price.nodes) is None:
            return 1
        return len(set(map(nodes.of, [member.process.worker.device for member in members])))
