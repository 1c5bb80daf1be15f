"""Finds which channels and collectives go between devices, by simulating a few steps of the method without tensors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import cast

from benchmarks.executors.accounting import Gradient, Layer
from benchmarks.executors.errors import Stalled
from benchmarks.executors.team import SimulatedTeam, Team, checked
from benchmarks.executors.threads.executor import Handler, ThreadsExecutor
from methods import effects as e

STEPS = 4
"""Simulated steps of each replica: a worker that sends does so before that."""

Workers = Callable[[Team], Iterable[e.Worker]]


class SharedAcrossDevices(Exception):
    """The method shares between devices what processes cannot share: a replica, a counter, a channel's reader."""

    def __init__(self, shared: str) -> None:
        super().__init__(
            f"{shared} is shared by workers of several devices, each of which is a process of its own here"
        )


@dataclass(frozen=True)
class CrossDeviceChannels:
    """The communication between devices that a method was seen to ask for.

    homes: channel name -> the device that reads it, for channels that other devices put into. rounds: group name ->
    layer indices in the order of its AllReduces, where all members repeat the same ones and no worker waits for a mean
    before the last: these can be sent together, in buckets. groups: how many groups reduce gradients.
    """

    homes: Mapping[str, int] = field(default_factory=dict)
    rounds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    groups: int = 0


@dataclass
class Uses:
    """The devices that use each channel and counter, by its name: takers read a channel, givers put into it.

    brought: group name -> device -> indices of the layers whose gradients it reduced, in order.
    """

    takers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    givers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    counters: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    brought: dict[str, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def note(self, worker: e.Worker, effect: e.Effect) -> None:
        """Records one effect. Raises SharedAcrossDevices for a pass on another device's replica."""
        device = worker.device
        match effect:
            case e.Get():
                self.takers[effect.channel.name].add(device)
            case e.Put() | e.Close(port=e.Channel()):
                channel = effect.channel if isinstance(effect, e.Put) else effect.port
                self.givers[channel.name].add(device)
            case e.Count() | e.Await():
                self.counters[effect.counter.name].add(device)
            case e.AllReduce() if checked(Gradient, effect.gradient).batches:  # pseudo-gradients are sent one by one
                self.brought[effect.group.name][device].append(effect.gradient.layer.index)
            case e.Forward() | e.Backward() if (home := checked(Layer, effect.layer).device) != device:
                raise SharedAcrossDevices(f"the replica of device {home}")
            case e.Anchor() | e.Delta() | e.Mix() if (home := effect.replica.device) != device:
                raise SharedAcrossDevices(f"the replica of device {home}")


def cross_device_channels(workers: Workers, team: Team) -> CrossDeviceChannels:
    """Simulates STEPS steps per replica and returns the communication between devices. Raises SharedAcrossDevices.

    workers: makes the method's workers for a team (Method.workers). team: gives layers, number of replicas, epoch,
    state.
    """
    simulated, uses = _simulated(team), Uses()
    recorded = [replace(worker, program=_recorded(worker, uses)) for worker in workers(simulated)]
    ThreadsExecutor(simulated).run(recorded)
    cross_device = CrossDeviceChannels(dict(_homes(uses)), dict(_rounds(uses)), len(uses.brought))
    can_be_late = not cross_device.rounds or _can_be_late(cross_device, workers, team)
    return cross_device if can_be_late else replace(cross_device, rounds={})


def _simulated(team: Team) -> SimulatedTeam:
    layers, replicas = [(layer.name, 1) for layer in team.replica.layers], len(team.replicas)
    simulated = SimulatedTeam.of(layers, replicas=replicas, steps_per_epoch=STEPS * replicas, network=team.network)
    simulated.accounts.begin_epoch(team.epoch)
    simulated.accounts.epochs, simulated.seed, simulated.state = team.epochs, team.seed, deepcopy(team.state)
    simulated.expect(team.counts().weights)
    return simulated


def _recorded(worker: e.Worker, uses: Uses) -> e.Program:
    """Runs the worker's program, recording each of its effects."""
    value: object = None
    while True:
        try:
            effect = worker.program.send(value)
        except StopIteration:
            return
        uses.note(worker, effect)
        value = yield effect


def _homes(uses: Uses) -> Iterable[tuple[str, int]]:
    """Yields (channel name, device that reads) of channels between devices. Raises SharedAcrossDevices."""
    for name, devices in uses.counters.items():
        if len(devices) > 1:
            raise SharedAcrossDevices(f"the counter '{name}'")
    for name, givers in uses.givers.items():
        takers = uses.takers.get(name, set())
        if len(takers | givers) > 1:
            if len(takers) != 1:
                raise SharedAcrossDevices(f"the channel '{name}'")
            yield name, next(iter(takers))


# ---- what can be sent together


def _rounds(uses: Uses) -> Iterable[tuple[str, Sequence[int]]]:
    """Yields (group name, layers of one round) where every member repeats the same sequence of layers."""
    for name, by_device in uses.brought.items():
        first, *other_devices = by_device.values()
        lengths = range(1, len(first) // 2 + 1)
        length = next((n for n in lengths if first[:n] * (len(first) // n) == first), None)
        if length is not None and all(layers == first for layers in other_devices):
            yield name, first[:length]


def _can_be_late(cross_device: CrossDeviceChannels, workers: Workers, team: Team) -> bool:
    """Returns whether the method runs on when every mean comes only after the round's last layer was reduced."""
    simulated = _simulated(team)
    try:
        LateExecutor(simulated, cross_device).run(workers(simulated))
    except Stalled:
        return False
    return True


@dataclass(slots=True)
class LateGradient(Gradient):
    """A mean that comes together with all others of round number `turn` of its group."""

    group: e.Group | None = None
    turn: int = 0


class LateExecutor(ThreadsExecutor):
    """Simulates the latest possible AllReduce: a mean comes after its round's last layer; who uses it before waits.

    A method that would wait for ever this way raises Stalled: its gradients cannot be sent in buckets.
    """

    def __init__(self, team: SimulatedTeam, cross_device: CrossDeviceChannels) -> None:
        super().__init__(team)
        self.cross_device, self._brought = cross_device, Counter[tuple[str, int]]()

    def _thread_count(self, workers: int) -> int:
        """Returns one thread per worker: a worker that waits for a late mean blocks its thread."""
        return workers

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        handlers = super()._make_handlers()
        reduce, put = cast(Callable[[e.Worker, e.AllReduce], object], handlers[e.AllReduce]), self._channels.put

        def late_put(worker: e.Worker, effect: e.Put) -> object:
            if effect.channel.name in self.cross_device.homes:
                self._await(worker, effect.item)
            return put(worker, effect)

        def late_update(worker: e.Worker, effect: e.Update) -> None:
            for gradient in effect.gradients:
                self._await(worker, gradient)
            self._update(worker, effect)

        def late_accumulate(worker: e.Worker, effect: e.Accumulate) -> Gradient:
            for gradient in effect.gradients:
                self._await(worker, gradient)
            return self._accumulate(worker, effect)

        def late_compress(worker: e.Worker, effect: e.Compress) -> object:
            self._await(worker, effect.gradient)
            return self._compress(worker, effect)

        def late_reduce(worker: e.Worker, effect: e.AllReduce) -> object:
            together = effect.group.name in self.cross_device.rounds and checked(Gradient, effect.gradient).batches
            return self._bring(effect) if together else reduce(worker, effect)

        reducing: dict[type[e.Effect], Handler] = {e.AllReduce: late_reduce, e.Accumulate: late_accumulate}
        return handlers | reducing | {e.Put: late_put, e.Update: late_update, e.Compress: late_compress}

    def _bring(self, effect: e.AllReduce) -> LateGradient:
        name, gradient = effect.group.name, checked(Gradient, effect.gradient)
        with self._monitor:
            turn = self._brought[name, effect.replica.index] // len(self.cross_device.rounds[name])
            self._brought[name, effect.replica.index] += 1
            self._monitor.changed()
        mean = LateGradient(gradient.layer, gradient.index, gradient.read)
        mean.group, mean.turn = effect.group, turn
        return mean

    def _await(self, worker: e.Worker, gradient: object) -> None:
        if isinstance(gradient, LateGradient) and (group := gradient.group) is not None:
            least = (gradient.turn + 1) * len(self.cross_device.rounds[group.name])
            members = range(group.members)
            with self._monitor:
                self._monitor.wait(
                    worker, group.name, lambda: all(self._brought[group.name, q] >= least for q in members)
                )
