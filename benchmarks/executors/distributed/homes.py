"""Which rank each channel is on, found by a few steps without tensors; and what cannot be between ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.threads.executor import ThreadsExecutor
from methods import effects as e

STEPS = 4
"""Of each replica: a worker that sends does so before that."""

Workers = Callable[[Any], Iterable[e.Worker]]


class NotBetweenRanks(Exception):
    """Workers of several devices share what processes have not in common."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is shared by workers of several devices, each of which is a process of its own here")


@dataclass
class Uses:
    """Devices that use each, by its name; of a channel those that take from it, and those that put into it."""

    takers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    givers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    counters: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

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
            case e.Forward() | e.Backward() if effect.layer.device != device:  # type: ignore[attr-defined]
                raise NotBetweenRanks(f"the replica of device {effect.layer.device}")  # type: ignore[attr-defined]


def homes_of(workers: Workers, team: Any) -> dict[str, int]:
    """The channels that devices put into which do not take from them, by name, and the device that takes.

    workers: makes them for a team. Raises NotBetweenRanks.
    """
    layers, replicas = [(layer.name, 1) for layer in team.replica.layers], len(team.replicas)
    dry, uses = DryTeam.of(layers, replicas=replicas, steps_per_epoch=STEPS * replicas), Uses()
    dry.epoch, dry.epochs, dry.seed, dry.state = team.epoch, team.epochs, team.seed, deepcopy(team.state)
    crew = [replace(one, program=_noted(one, uses)) for one in workers(dry)]
    ThreadsExecutor(dry).run(crew)
    return dict(_crossing(uses))


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
