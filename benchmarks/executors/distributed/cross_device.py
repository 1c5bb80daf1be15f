"""Finds which channels and collectives go between devices, by simulating a few steps of the method without tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from benchmarks.executors.accounting import Gradient, Layer
from benchmarks.executors.errors import Stalled
from benchmarks.executors.team import SimulatedTeam, Team, checked
from benchmarks.executors.threads.executor import ThreadsExecutor
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


def used_items(effect: e.Effect, homes: Mapping[str, int]) -> Sequence[object]:
    """Returns what an effect uses the tensors of: gradients, or the item of a channel between devices (`homes`)."""
    match effect:
        case e.Update() | e.Accumulate():
            return effect.gradients
        case e.Outer():
            return effect.deltas
        case e.Compress():
            return (effect.gradient,)
        case e.Put() if effect.channel.name in homes:
            return (effect.item,)
    return ()


@dataclass(slots=True)
class LateGradient(Gradient):
    """A mean that comes after the last layer of its round. due: waits for that layer, of every member."""

    due: Sequence[e.Await] = ()


def _can_be_late(cross_device: CrossDeviceChannels, workers: Workers, team: Team) -> bool:
    """Returns whether the method runs on when every mean comes only after the round's last layer was reduced.

    Else its workers wait for each other forever, and its gradients cannot be sent in buckets.
    """
    simulated = _simulated(team)
    counters = {name: [e.Counter(name=f"layers of {name}") for _ in simulated.replicas] for name in cross_device.rounds}
    late = [replace(worker, program=_late(worker, cross_device, counters)) for worker in workers(simulated)]
    try:
        ThreadsExecutor(simulated).run(late)
    except Stalled:
        return False
    return True


def _late(
    worker: e.Worker, cross_device: CrossDeviceChannels, counters: Mapping[str, Sequence[e.Counter]]
) -> e.Program:
    """Runs the worker's program, with late means; an effect that uses one waits for it."""
    value: object = None
    while True:
        try:
            effect = worker.program.send(value)
        except StopIteration:
            return
        for item in used_items(effect, cross_device.homes):
            if isinstance(item, LateGradient):
                for wait in item.due:  # noqa: UP028  # a list takes no values that are sent
                    yield wait
        if isinstance(effect, e.AllReduce) and effect.group.name in counters:
            gradient = checked(Gradient, effect.gradient)
            if gradient.batches:
                layers, members = len(cross_device.rounds[effect.group.name]), counters[effect.group.name]
                before = yield e.Count(members[effect.replica.index])
                value = mean = LateGradient(gradient.layer, gradient.index, gradient.read)
                mean.due = [e.Await(member, (before // layers + 1) * layers) for member in members]
                continue
        value = yield effect
