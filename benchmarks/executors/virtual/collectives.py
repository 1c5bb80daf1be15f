"""Collectives on the virtual clock: members that have arrived, and the time that their messages take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.team import Team, checked
from benchmarks.executors.traffic import Traffic
from benchmarks.executors.virtual.devices import Clock, Device, DeviceJob
from benchmarks.executors.virtual.processes import BLOCKED, Blocked, Process, Ready
from benchmarks.hardware.price import Price
from methods import effects as e

Collective = e.AllReduce | e.Average


@dataclass(slots=True)
class Member:
    """A worker that has arrived at a collective, and what it brought."""

    process: Process
    effect: Collective
    brought: object


class Reduction(DeviceJob):
    """The mean of what the members brought, as work of a device. then: called once it is over."""

    __slots__ = ("then",)

    def __init__(self, seconds: float, device: Device, then: Callable[[], object]) -> None:
        super().__init__(seconds, device)
        self.then = then

    def done(self, result: object) -> None:
        self.then()


class Collectives:
    """Carries out AllReduce and Average on the virtual clock.

    traffic: counts what is charged. blame: says which worker a failure from now on is of. report_span: hears of an
    effect that has ended. device: gives a worker's device.
    """

    def __init__(
        self,
        team: Team,
        clock: Clock,
        price: Price,
        traffic: Traffic,
        ready: Ready,
        blame: Callable[[Process], None],
        report_span: Callable[[Process, e.Effect, float], None],
        device: Callable[[Process], Device],
    ) -> None:
        self.team, self.clock, self.price, self.traffic, self.ready = team, clock, price, traffic, ready
        self.blame, self.report_span, self.device = blame, report_span, device
        self._arrived: dict[e.Group, list[Member]] = {}

    def all_reduce(self, process: Process, effect: e.AllReduce) -> Blocked:
        gradient = checked(Gradient, effect.gradient)
        return self._meet(process, effect, gradient, [gradient.layer.index])

    def average(self, process: Process, effect: e.Average) -> Blocked:
        layers = [layer.index for layer in effect.replica.layers]
        copies = 1 + self.team.state_copies * effect.state
        return self._meet(process, effect, self.team.flat(effect.replica, state=effect.state), layers * copies)

    def _meet(self, process: Process, effect: Collective, brought: object, layers: Sequence[int]) -> Blocked:
        """Adds a member; once all are there and the seconds have passed, every member gets its result."""
        arrived = self._arrived.setdefault(effect.group, [])
        arrived.append(Member(process, effect, brought))
        if len(arrived) == effect.group.members:
            members = sorted(self._arrived.pop(effect.group), key=lambda member: member.effect.replica.index)
            started = self.clock.now
            self.traffic.meet([(member.process.worker.device, member.effect) for member in members])

            def done() -> None:
                self.blame(process)
                values = self._results(members)
                for member in members:
                    self.report_span(member.process, member.effect, started)
                self.ready.extend(zip([member.process for member in members], values, strict=True))

            self._charge(process, members, layers, done)
        return BLOCKED

    def _results(self, members: Sequence[Member]) -> Sequence[object]:
        brought = [member.brought for member in members]
        effects = [member.effect for member in members if isinstance(member.effect, e.Average)]
        if not effects:
            return self.team.all_reduce([checked(Gradient, gradient) for gradient in brought])
        pairs = list(zip(effects, brought, strict=True))
        mean = self.team.mean_flat([self.team.weighed(*pair) for pair in pairs])
        last = all(effect.last for effect in effects)
        return [self.team.finish_average(effect, mean, snapshot, last) for effect, snapshot in pairs]

    def _charge(
        self, process: Process, members: Sequence[Member], layers: Sequence[int], done: Callable[[], None]
    ) -> None:
        """Charges the mean's computation to the last member's device, then the messages' seconds to nobody.

        Then calls `done`.
        """
        devices = [member.process.worker.device for member in members]
        packed = [got.brought.sent_bytes for got in members if isinstance(got.brought, Gradient)]
        sizes = [size for size in packed if size is not None]
        way = self.price.all_gather(max(sizes), devices) if sizes else self.price.all_reduce(layers, devices)
        weights = isinstance(members[0].effect, e.Average)
        computing = self.price.reduction(layers, len(members), weights=weights)
        computing *= len(layers) / len(set(layers))  # its optimizer's state as well
        if computing:
            device = self.device(process)
            device.ask(Reduction(computing, device, lambda: self.clock.after(way, done)))
        else:
            self.clock.after(way, done)
