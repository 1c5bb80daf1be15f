"""What goes between ranks, found by a few steps without tensors; and what cannot."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.errors import Stalled
from benchmarks.executors.team import SimulatedTeam, narrowed
from benchmarks.executors.threads.executor import Handler, ThreadsExecutor
from methods import effects as e

STEPS = 4
"""Of each replica: a worker that sends does so before that."""

Workers = Callable[[Any], Iterable[e.Worker]]


class NotBetweenRanks(Exception):
    """Workers of several devices share what processes have not in common."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is shared by workers of several devices, each of which is a process of its own here")


@dataclass(frozen=True)
class Crossings:
    """homes: the channels that devices put into which do not take from them, by name, and the device that takes.

    rounds: of groups whose members bring the same layers over and over, by name: these layers, in this order, whose
    means may all come after the last of them was brought. So they can be sent together. groups: that reduce gradients.
    """

    homes: Mapping[str, int] = field(default_factory=dict)
    rounds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    groups: int = 0


@dataclass
class Uses:
    """Devices that use each, by its name; of a channel those that take from it, and those that put into it.

    brought: by group and device, the layers whose gradients it brought.
    """

    takers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    givers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    counters: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    brought: dict[str, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def note(self, worker: e.Worker, effect: e.Effect) -> None:
        device = worker.device
        match effect:
            case e.Get():
                self.takers[effect.channel.name].add(device)
            case e.Put() | e.Close(port=e.Channel()):
                channel = effect.channel if isinstance(effect, e.Put) else effect.port
                self.givers[channel.name].add(device)
            case e.Count() | e.Await():
                self.counters[effect.counter.name].add(device)
            case e.AllReduce():
                self.brought[effect.group.name][device].append(effect.gradient.layer.index)
            case e.Forward() | e.Backward() if effect.layer.device != device:  # type: ignore[attr-defined]
                raise NotBetweenRanks(f"the replica of device {effect.layer.device}")  # type: ignore[attr-defined]


def crossings_of(workers: Workers, team: Any) -> Crossings:
    """workers: makes them for a team. Raises NotBetweenRanks."""
    dry, uses = _dry(team), Uses()
    ThreadsExecutor(dry).run([replace(one, program=_noted(one, uses)) for one in workers(dry)])
    found = Crossings(dict(_crossing(uses)), dict(_rounds(uses)), len(uses.brought))
    return found if not found.rounds or _can_be_late(found, workers, team) else replace(found, rounds={})


def _dry(team: Any) -> SimulatedTeam:
    layers, replicas = [(layer.name, 1) for layer in team.replica.layers], len(team.replicas)
    dry = SimulatedTeam.of(layers, replicas=replicas, steps_per_epoch=STEPS * replicas, network=team.network)
    dry.accounts.begin_epoch(team.epoch)
    dry.accounts.epochs, dry.seed, dry.state = team.epochs, team.seed, deepcopy(team.state)
    return dry


def _noted(worker: e.Worker, uses: Uses) -> e.Program:
    value = None
    while True:
        try:
            effect = worker.program.send(value)
        except StopIteration:
            return
        uses.note(worker, effect)
        value = yield effect


def _crossing(uses: Uses) -> Iterable[tuple[str, int]]:
    for name, devices in uses.counters.items():
        if len(devices) > 1:
            raise NotBetweenRanks(f"the counter '{name}'")
    for name, givers in uses.givers.items():
        takers = uses.takers.get(name, set())
        if len(takers | givers) > 1:
            if len(takers) != 1:
                raise NotBetweenRanks(f"the channel '{name}'")
            yield name, next(iter(takers))


# ---- what can be sent together


def _rounds(uses: Uses) -> Iterable[tuple[str, Sequence[int]]]:
    for name, by_device in uses.brought.items():
        first, *others = by_device.values()
        lengths = range(1, len(first) // 2 + 1)
        length = next((n for n in lengths if first[:n] * (len(first) // n) == first), None)
        if length is not None and all(other == first for other in others):
            yield name, first[:length]


def _can_be_late(crossings: Crossings, workers: Workers, team: Any) -> bool:
    """Whether nobody waits for a mean before the round's last layer is brought."""
    dry = _dry(team)
    try:
        LateExecutor(dry, crossings).run(workers(dry))
    except Stalled:
        return False
    return True


@dataclass(slots=True)
class LateGradient(Gradient):
    """A mean that comes with all others of its round, the group's turn-th."""

    group: e.Group | None = None
    turn: int = 0


class LateExecutor(ThreadsExecutor):
    """Without tensors: a mean comes as late as it can, and whoever uses it waits until then."""

    def __init__(self, team: SimulatedTeam, crossings: Crossings) -> None:
        super().__init__(team)
        self.crossings, self._brought = crossings, Counter[tuple[str, int]]()

    def _carriers(self, workers: int) -> int:
        """A thread each: a mean that is late keeps its worker's."""
        return workers

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        handlers = super()._make_handlers()
        reduce: Any = handlers[e.AllReduce]
        put: Any = handlers[e.Put]
        update: Any = handlers[e.Update]

        def late_put(worker: e.Worker, effect: e.Put) -> Any:
            if effect.channel.name in self.crossings.homes:
                self._await(worker, effect.item)
            return put(worker, effect)

        def late_update(worker: e.Worker, effect: e.Update) -> None:
            for gradient in effect.gradients:
                self._await(worker, gradient)
            update(worker, effect)

        def late_reduce(worker: e.Worker, effect: e.AllReduce) -> Any:
            return self._bring(effect) if effect.group.name in self.crossings.rounds else reduce(worker, effect)

        return handlers | {e.AllReduce: late_reduce, e.Put: late_put, e.Update: late_update}

    def _bring(self, effect: e.AllReduce) -> LateGradient:
        name, given = effect.group.name, narrowed(Gradient, effect.gradient)
        with self._monitor:
            turn = self._brought[name, effect.replica.index] // len(self.crossings.rounds[name])
            self._brought[name, effect.replica.index] += 1
            self._monitor.changed()
        mean = LateGradient(given.layer, given.index, given.read)
        mean.group, mean.turn = effect.group, turn
        return mean

    def _await(self, worker: e.Worker, gradient: Any) -> None:
        if isinstance(gradient, LateGradient) and (group := gradient.group) is not None:
            least = (gradient.turn + 1) * len(self.crossings.rounds[group.name])
            members = range(group.members)
            with self._monitor:
                self._monitor.wait(
                    worker, group.name, lambda: all(self._brought[group.name, q] >= least for q in members)
                )
