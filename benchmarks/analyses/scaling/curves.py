"""Simulates methods on growing numbers of devices, without tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import Literal

import methods
from benchmarks.analyses.definition import Request
from benchmarks.analyses.scaling.formulas import seconds
from benchmarks.errors import UserError
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.card import Card, NetworkSeconds
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Price
from methods import Method
from methods.errors import unknown

METHODS = ("bp", "ddp", "lapsgd", "lsgd", "pdasgd")
STEPS = {"smoke": 32, "small": 64, "paper": 391}  # an epoch of 50,000 images has 391 batches of 128, the last not full
SLOW_EVERY = 8
"""One device of so many is a constant straggler: the second of each node of the card cluster."""
WORTH = 0.5
"""More devices are a gain while batches per second grow by at least this share of what devices grow by."""


@dataclass(frozen=True)
class Condition:
    """The condition of devices and links. slow_steps: a straggler's mean delay before a batch, in steps."""

    key: str
    label: str
    collective: Literal["ring", "tree"] = "ring"
    stragglers: Literal["none", "constant", "heavy-tailed"] = "none"
    slow_steps: float = 0.0
    alpha: float = 2.0

    def price(self, card: Card, network: NetworkSeconds, layers: Sequence[str], devices: int, seed: int) -> Price:
        """Returns the price of the network's effects; where `layers` are stages, a stage is priced as one layer."""
        price = replace(card.price(network, layers), collective=self.collective)
        return replace(price, delays=(*price.delays, *self.delays(devices, seed)))

    def delays(self, devices: int, seed: int) -> Iterator[Delay]:
        """Yields the delays: constant ones of every SLOW_EVERY-th device, or heavy-tailed ones of all, each its own."""
        if self.stragglers == "constant":
            for device in range(1, devices, SLOW_EVERY):
                yield Delay(kind="constant", device=device, steps=self.slow_steps)
        elif self.stragglers == "heavy-tailed":
            for device in range(devices):
                yield Delay(kind="heavy_tailed", device=device, steps=self.slow_steps, alpha=self.alpha, seed=seed)


@dataclass(frozen=True)
class Epochs:
    """Simulated epochs. steps: batches per device and epoch. seconds: of one epoch. effects: in all of them.

    waiting: the share of the devices' time, from an epoch's begin to its end, in which a device did nothing.
    """

    devices: int
    steps: int
    seconds: float
    waiting: float
    effects: int

    @property
    def effects_per_batch(self) -> float:
        return self.effects / (self.devices * self.steps)


@dataclass(frozen=True)
class Point:
    """One number of devices. runs: one per seed, or one where nothing is random; empty where `reason` says why.

    law: seconds per epoch by formula.
    """

    devices: int
    runs: tuple[Epochs, ...] = ()
    law: float | None = None
    reason: str = ""

    @property
    def seconds(self) -> float:
        """Mean seconds of an epoch."""
        return fmean(run.seconds for run in self.runs)

    @property
    def waiting(self) -> float:
        """Mean share of waiting, in percent."""
        return 100 * fmean(run.waiting for run in self.runs)

    @property
    def batches_per_second(self) -> float:
        """Throughput of all devices, at the mean seconds of an epoch."""
        return self.devices * self.runs[0].steps / self.seconds


@dataclass(frozen=True)
class ScalingCurve:
    """The points of one method under one condition, by number of devices."""

    method: str
    title: str
    condition: Condition
    scaling: Literal["weak", "strong"]
    points: tuple[Point, ...]

    @property
    def simulated(self) -> list[Point]:
        return [point for point in self.points if point.runs]

    @property
    def gains_until(self) -> int | None:
        """The most devices to which adding more was worth it (WORTH); None for fewer than two points."""
        points = self.simulated
        last = points[0].devices if points else 0
        for before, after in pairwise(points):
            growth = after.batches_per_second / before.batches_per_second - 1
            if growth >= WORTH * (after.devices / before.devices - 1):
                last = after.devices
        return last if len(points) > 1 else None


def curves(request: Request) -> Iterator[ScalingCurve]:
    """Simulates every method: weak scaling under four conditions, strong scaling under the first."""
    options = request.options
    conditions = (
        Condition("ring", "ring"),
        Condition("tree", "tree", collective="tree"),
        Condition("constant", "constant stragglers", stragglers="constant", slow_steps=options.constant),
        Condition("tail", "heavy tails", stragglers="heavy-tailed", slow_steps=options.tail, alpha=options.alpha),
    )
    networks, name = request.card.networks, next(iter(request.networks), "resnet18")
    if name not in networks:
        raise UserError(unknown(f"network of {request.card.name}", name, tuple(networks)))
    for method in request.methods or METHODS:
        for condition in conditions:
            yield _curve(request, networks[name], method, condition, "weak")
        yield _curve(request, networks[name], method, conditions[0], "strong")


def _curve(
    request: Request, network: NetworkSeconds, name: str, condition: Condition, scaling: Literal["weak", "strong"]
) -> ScalingCurve:
    """Simulates one method under one condition. Strong: as many epochs as give a device at least `steps` batches."""
    options, points = request.options, list[Point]()
    steps = options.steps or STEPS[request.scale]
    layers = network.layers
    if options.layers == "stages":
        layers = tuple(dict.fromkeys(layer.split(".")[0] for layer in layers))
    for devices, method in _by_devices(request, name).items():
        share = steps if scaling == "weak" else options.batches // devices
        epochs = 1 if scaling == "weak" else -(-steps // max(1, share))
        effects = expected_effects([point.runs[0] for point in points if point.runs], devices, devices * share * epochs)
        if reason := _unpriced(request.card, method, condition):
            points.append(Point(devices, reason=reason))
        elif not share:
            points.append(Point(devices, reason=f"{options.batches:,} batches are too few"))
        elif effects > options.most_effects:
            points.append(Point(devices, reason=f"left out: about {effects / 1e6:,.0f} million effects"))
        else:
            seeds = request.seeds if condition.stragglers == "heavy-tailed" else request.seeds[:1]
            prices = [condition.price(request.card, network, layers, devices, seed) for seed in seeds]
            runs = tuple(simulate(method, price, layers, steps=share, epochs=epochs) for price in prices)
            law = _law(request.card, condition, method, prices[0], share, epochs)
            points.append(Point(devices, runs, law))
    return ScalingCurve(name, methods.method_class(name).title, condition, scaling, tuple(points))


def _by_devices(request: Request, name: str) -> Mapping[int, Method]:
    """Returns the method by number of devices: as requested, or the one that a method without such an option has."""
    if "devices" not in methods.method_class(name).Options.__dataclass_fields__:
        method = request.method(name)
        return {method.devices: method}
    return {devices: request.method(name, devices=devices) for devices in sorted(request.options.devices)}


def _law(card: Card, condition: Condition, method: Method, price: Price, steps: int, epochs: int) -> float | None:
    """Returns the seconds of an epoch by formula; None where devices differ otherwise than by constant delays."""
    alike = not (card.delays or card.devices is not None or card.absent) and card.lanes == 1
    if condition.stragglers == "heavy-tailed" or not alike:
        return None
    delayed = condition.stragglers == "constant" and method.devices > 1
    delay = condition.slow_steps * (price.forward_seconds + price.backward_seconds) if delayed else 0.0
    return seconds(method, price, steps, delay, epochs)


def _unpriced(card: Card, method: Method, condition: Condition) -> str:
    """Returns why the card has no seconds for so many devices, or for this kind of all-reduce; "" where it has."""
    if condition.collective == "tree" and card.nodes is not None and card.nodes.bytes_per_second:
        return f"{card.name} has a link for each pair of nodes, over which no tree is priced"
    try:
        card.check_devices(method.devices - method.servers, method.name)
    except UserError as error:
        return str(error).removesuffix(".")
    return ""


def simulate(method: Method, price: Price, layers: Sequence[str], *, steps: int, epochs: int = 1) -> Epochs:
    """Simulates epochs in the method's last phase, of `steps` batches per device. Raises as an executor's `run`."""
    devices = method.devices
    team = SimulatedTeam.of([(name, 1) for name in layers], replicas=method.replicas, steps_per_epoch=steps * devices)
    executor, busy, effects = VirtualExecutor(team, price), 0.0, 0
    for epoch in range(epochs):
        team.begin_epoch(team.epochs + epoch)  # past the methods' first phases
        executor.run(method.workers(team))
        team.accounts.end_epoch()
        effects += executor.effect_count
        busy += math.fsum(device.busy_seconds for device in executor.devices.values())
    return Epochs(devices, steps, executor.now / epochs, 1 - busy / (devices * executor.now), effects // epochs)


def expected_effects(finished: Sequence[Epochs], devices: int, batches: int) -> float:
    """Extrapolates the number of effects from the growth of effects per batch; 0 before two points are finished."""
    if len(finished) < 2:
        return 0.0
    before, last = finished[-2:]
    growth = math.log(last.effects_per_batch / before.effects_per_batch) / math.log(last.devices / before.devices)
    return last.effects_per_batch * math.pow(devices / last.devices, max(0.0, growth)) * batches
