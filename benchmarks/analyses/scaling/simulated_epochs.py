"""Simulates epochs of a method on many devices, without tensors."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.card import Card, NetworkSeconds
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Price
from methods import Method

Stragglers = Literal["none", "constant", "heavy-tailed"]
SLOW_EVERY = 8
"""One device of so many is a constant straggler: the second of each node of the card cluster."""


@dataclass(frozen=True)
class Condition:
    """The condition of devices and links. slow_steps: a straggler's mean delay before a batch, in steps."""

    key: str
    label: str
    collective: Literal["ring", "tree"] = "ring"
    stragglers: Stragglers = "none"
    slow_steps: float = 0.0
    alpha: float = 2.0

    def price(self, card: Card, seconds: NetworkSeconds, layers: Sequence[str], devices: int, seed: int) -> Price:
        """Returns the price of the network's effects on these devices.

        A stage is priced as one where `layers` are stages.
        """
        price = replace(card.price(seconds, layers), collective=self.collective)
        return replace(price, delays=(*price.delays, *self._delays(devices, seed)))

    def _delays(self, devices: int, seed: int) -> Iterator[Delay]:
        """Yields the delays: constant ones of every SLOW_EVERY-th device, or heavy-tailed ones of all, each its own."""
        if self.stragglers == "constant":
            for device in range(1, devices, SLOW_EVERY):
                yield Delay(kind="constant", device=device, steps=self.slow_steps)
        elif self.stragglers == "heavy-tailed":
            for device in range(devices):
                yield Delay(kind="heavy_tailed", device=device, steps=self.slow_steps, alpha=self.alpha, seed=seed)


@dataclass(frozen=True)
class Epochs:
    """Results of `simulate`. Shares are of the devices' time, from an epoch's begin to its end."""

    devices: int
    steps: int  # batches per device and epoch
    seconds: float  # simulated, per epoch
    waiting: float  # share in which a device did nothing
    lost: float  # share that its own delays took
    effects: int  # that the workers asked for, in all epochs
    cpu_seconds: float  # of the simulation itself

    @property
    def batches_per_second(self) -> float:
        return self.devices * self.steps / self.seconds

    @property
    def effects_per_batch(self) -> float:
        return self.effects / (self.devices * self.steps)


def simulate(method: Method, price: Price, layers: Sequence[str], *, steps: int, epochs: int = 1) -> Epochs:
    """Simulates epochs in the method's last phase, of `steps` batches per device. Raises as an executor's `run`."""
    devices = method.devices
    team = SimulatedTeam.of([(name, 1) for name in layers], replicas=method.replicas, steps_per_epoch=steps * devices)
    executor, busy, lost_seconds, effects, begun = VirtualExecutor(team, price), 0.0, 0.0, 0, time.process_time()
    with garbage_collection_off():
        for epoch in range(epochs):
            team.begin_epoch(team.epochs + epoch)  # past the methods' first phases
            executor.run(method.workers(team))
            team.accounts.end_epoch()
            effects += executor.effect_count
            busy += math.fsum(device.busy_seconds for device in executor.devices.values())
            lost_seconds += math.fsum(device.lost_seconds for device in executor.devices.values())
    total = devices * executor.now
    return Epochs(
        devices=devices,
        steps=steps,
        seconds=executor.now / epochs,
        waiting=1 - busy / total,
        lost=lost_seconds / total,
        effects=effects // epochs,
        cpu_seconds=time.process_time() - begun,
    )


@contextmanager
def garbage_collection_off() -> Iterator[None]:
    """Turns garbage collection off: with a thousand devices it takes a fifth of the time and finds no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def expected_effects(finished: Sequence[Epochs], devices: int, batches: int) -> float:
    """Extrapolates the number of effects from the growth of effects per batch; 0 before two points are finished."""
    if len(finished) < 2:
        return 0.0
    before, last = finished[-2:]
    growth = math.log(last.effects_per_batch / before.effects_per_batch) / math.log(last.devices / before.devices)
    return last.effects_per_batch * math.pow(devices / last.devices, max(0.0, growth)) * batches
