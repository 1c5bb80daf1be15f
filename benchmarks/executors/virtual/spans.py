"""Spans: the effects of workers with their begins and ends, as the virtual executor reports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.executors.accounting import Gradient, Layer
from benchmarks.executors.team import checked
from methods import effects as e

DELAY = "Delay"


@dataclass(frozen=True, slots=True)
class Span:
    """One effect of one worker, in simulated seconds of its epoch.

    effect: the name of its class, or DELAY for a straggler's delay or an absence. layers: indices. step: ticket of the
    effect's batch, if it has one. device: the worker's. home: the device whose weights are read or written.
    """

    worker: str
    effect: str
    layers: tuple[int, ...]
    step: int | None
    device: int
    home: int
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def span_of(worker: e.Worker, effect: e.Effect, start: float, end: float, homes: Mapping[e.Layer, int]) -> Span:
    """Returns the span of a worker's effect from start to end. homes: the devices of layers that workers hold."""
    layers, step, home = _subject(effect)
    place = worker.device if home is None else home
    if layers and layers[0] in homes:
        place = homes[layers[0]]
    indices = tuple(layer.index for layer in layers)
    return Span(worker.name, type(effect).__name__, indices, step, worker.device, place, start, end)


def delay_of(worker: e.Worker, effect: e.Effect, start: float, end: float) -> Span:
    """Returns the span of a straggler's delay, or of a device's absence, before this effect."""
    return Span(worker.name, DELAY, (), _subject(effect)[1], worker.device, worker.device, start, end)


def _subject(effect: e.Effect) -> tuple[Sequence[e.Layer], int | None, int | None]:
    """Returns an effect's layers, its batch's ticket, and the device whose weights it reads or writes."""
    match effect:
        case e.Forward() | e.Backward() | e.Snapshot():
            return [effect.layer], effect.step.index, checked(Layer, effect.layer).device
        case e.Update() if effect.gradients:
            gradient = checked(Gradient, effect.gradients[0])
            home = gradient.layer.device if effect.replica is None else effect.replica.device
            return [gradient.layer for gradient in effect.gradients], gradient.index, home
        case e.Accumulate() if effect.gradients:
            gradient = checked(Gradient, effect.gradients[0])
            return [gradient.layer], gradient.index, None
        case e.Compress():
            gradient = checked(Gradient, effect.gradient)
            return [gradient.layer], gradient.index, None
        case e.AllReduce():
            gradient = checked(Gradient, effect.gradient)
            return [gradient.layer], gradient.index if gradient.batches else None, effect.replica.device
        case e.Average():
            return effect.replica.layers, None, effect.replica.device
        case e.Anchor():
            return effect.layers, None, effect.replica.device
        case e.Delta():
            return effect.anchor.layers, None, effect.replica.device
        case e.Outer():
            return effect.anchor.layers, None, None
        case e.Mix():
            return effect.weights.layers, None, effect.replica.device
    return [], None, None
