"""Arithmetic of gradients and of copies of weights: means, outer steps, codecs.

Running statistics of BatchNorm are averaged and mixed, and never extrapolated.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import Weights
from benchmarks.executors.numerics.layer import TorchGradient, TorchLayer
from benchmarks.executors.numerics.replica import TorchReplica
from benchmarks.executors.numerics.streams import NO_CONTEXT, DeviceStreams, Event
from benchmarks.hardware.price import top_k_entries
from benchmarks.workloads.optimizers import build
from methods import effects as e

T = TypeVar("T")
ByLayer = Generator[TorchLayer, None, T]
"""Accesses layers one after another, so that updates can go on in between: yields each layer before it is accessed (a
replay waits there), and returns what came of it all."""
State = dict[str, Tensor]
SUM, MOMENTUM = "sum", "momentum_buffer"


def complete(accesses: ByLayer[T]) -> T:
    """Carries out all accesses and returns what came of them."""
    while True:
        try:
            next(accesses)
        except StopIteration as end:
            return cast(T, end.value)


# ---- means of gradients


def mean_gradients(gradients: Sequence[TorchGradient], streams: DeviceStreams | None) -> list[TorchGradient]:
    """Returns the mean gradient of a layer, a copy for each member, with the smallest of their tickets.

    So all have one learning rate. streams: of the device, where batches have streams of their own; the means are
    computed on the caller's.
    """
    if len(gradients) == 1:
        return list(gradients)
    means = _combined(gradients, streams, mean=True)
    ticket = min(g.index for g in gradients)
    return [replace(g, index=ticket, tensors=tuple(m.clone() for m in means), stream=NO_CONTEXT) for g in gradients]


def add_up(gradients: Sequence[TorchGradient], streams: DeviceStreams | None, *, mean: bool) -> TorchGradient:
    """Returns the mean or sum of gradients of one layer; with `updates=overwrite` it has the first one's weights."""
    first = gradients[0]
    tensors = _combined(gradients, streams, mean=mean)
    return TorchGradient(first.layer, first.index, first.read, first.ready, tensors, first.weights, copied=first.copied)


def _combined(gradients: Sequence[TorchGradient], streams: DeviceStreams | None, *, mean: bool) -> tuple[Tensor, ...]:
    """Returns the mean or sum, a tensor for each of the layer's parameters; added up in this order."""
    for gradient in gradients:
        wait_for_gradient(gradient, streams)
    parts = zip(*(g.tensors for g in gradients), strict=True)
    stacks = (torch.stack([p.to(copies[0].device) for p in copies]) for copies in parts)
    return tuple(stack.mean(0) if mean else stack.sum(0) for stack in stacks)


def wait_for_gradient(gradient: TorchGradient, streams: DeviceStreams | None) -> None:
    """Has the caller's stream wait for a gradient that its batch's stream computes."""
    if streams is not None and gradient.stream is not NO_CONTEXT:
        streams.wait(cast(Event, gradient.ready))
        for tensor in gradient.tensors:
            streams.keep(tensor)


def mean_state(tensors: Sequence[Tensor]) -> Tensor:
    """Returns the mean over the replicas of a parameter or float buffer; of an integer buffer the first replica's."""
    if len(tensors) == 1 or not tensors[0].is_floating_point():
        return tensors[0].clone()
    return torch.stack(list(tensors)).mean(0)


# ---- copies of layers


@dataclass(frozen=True)
class LayerWeights:
    """One layer's parameters and float buffers. states: what an outer optimizer keeps of each parameter."""

    tensors: Sequence[Tensor]
    statistics: Sequence[Tensor]
    states: Sequence[State] = ()  # none before the first step


@dataclass(eq=False)
class TorchWeights(Weights):
    """Weights with their tensors. copies: layer by layer."""

    layers: Sequence[TorchLayer]
    copies: list[LayerWeights] = field(default_factory=list, repr=False)

    @property
    def sizes(self) -> int:
        return 1 + max((len(state) for copy in self.copies for state in copy.states), default=0)

    def by_layer(self, replica: TorchReplica) -> Iterator[tuple[TorchLayer, LayerWeights, int]]:
        """Yields the replica's layers that it has copies of, these copies, and their versions."""
        layers = [replica.layers[layer.index] for layer in self.layers]
        yield from zip(layers, self.copies, self.versions, strict=True)


# ---- outer optimizers


def step_outer(
    anchor: TorchWeights, deltas: Sequence[TorchGradient], optimizer: e.OuterOptimizer, scale: float, *, buffers: bool
) -> TorchWeights:
    """Returns the weights after a step. deltas: of their layers, in their order."""
    copies = []
    for copy, delta in zip(anchor.copies, deltas, strict=True):
        count = len(copy.tensors)  # after them come the buffers
        scaled = [tensor if scale == 1.0 else tensor * scale for tensor in delta.tensors[:count]]
        tensors, states = _stepped(copy, scaled, optimizer, anchor.steps + 1) if count else ([], [])
        copies.append(LayerWeights(tensors, list(delta.tensors[count:]) if buffers else copy.statistics, states))
    return replace(anchor, copies=copies, steps=anchor.steps + 1)


Stepped = tuple[Sequence[Tensor], list[State]]
"""Parameters after a step, and what the optimizer keeps of each."""


def _stepped(copy: LayerWeights, deltas: Sequence[Tensor], settings: e.OuterOptimizer, number: int) -> Stepped:
    if settings.name.startswith("delayed"):
        return _delayed(copy.tensors, copy.states, deltas, settings, number)
    return _sgd(copy.tensors, copy.states, deltas, settings)


def _sgd(
    tensors: Sequence[Tensor], before: Sequence[State], deltas: Sequence[Tensor], settings: e.OuterOptimizer
) -> Stepped:
    """Takes a step of torch's SGD. before: the optimizer's state of each parameter; empty at the first step."""
    leaves = [nn.Parameter(tensor.clone()) for tensor in tensors]
    nesterov = settings.name == "nesterov" and settings.momentum > 0
    optimizer = build("sgd", leaves, lr=settings.lr, momentum=settings.momentum, nesterov=nesterov)
    for leaf, state in zip(leaves, before, strict=bool(before)):
        optimizer.state[leaf] = {key: value.clone() for key, value in state.items()}
    for leaf, delta in zip(leaves, deltas, strict=True):
        leaf.grad = torch.empty_like(leaf).copy_(delta)  # in the leaf's layout, as fused steps take it
    optimizer.step()
    return [leaf.data for leaf in leaves], [dict(optimizer.state[leaf]) for leaf in leaves]


def _delayed(
    tensors: Sequence[Tensor],
    before: Sequence[State],
    deltas: Sequence[Tensor],
    settings: e.OuterOptimizer,
    number: int,
) -> Stepped:
    """Takes a step of an optimizer that sums up pseudo-gradients; its momentum, or all of it, waits for every N-th.

    number: of the step, from 1. Source: arXiv:2401.09135, Algorithm 4.
    """
    every, activation = settings.every, settings.activation  # type: ignore[attr-defined]  # the delayed ones have them
    due, states = number % every == 0, [dict(state) for state in before] or [{} for _ in tensors]
    for state, delta in zip(states, deltas, strict=True):
        state[SUM] = state[SUM] + delta if SUM in state else delta.clone()
    means = [state.pop(SUM) / every for state in states] if due else []
    if settings.name == "delayed_sgd":
        return _sgd(tensors, states, means, settings) if due else (tensors, states)
    for state, mean in zip(states, means, strict=due):
        state[MOMENTUM] = settings.momentum * state[MOMENTUM] + mean if MOMENTUM in state else mean
    share = settings.momentum * ((1 - activation if due else 0.0) + activation / every)
    moved = [
        tensor - settings.lr * (share * state[MOMENTUM] + delta / every if MOMENTUM in state else delta / every)
        for tensor, state, delta in zip(tensors, states, deltas, strict=True)
    ]
    return moved, states


# ---- codecs: the same bits every time


def compressed(
    gradient: TorchGradient,
    codec: e.Codec,
    error: TorchWeights | None,
    replica: TorchReplica,
    streams: DeviceStreams | None,
) -> tuple[TorchGradient, TorchWeights]:
    """Returns sent = codec(gradient + error), decoded, and the new error, gradient + error - sent.

    Running statistics, which follow the tensors of a pseudo-gradient, stay as they are. streams: as in mean_gradients.
    """
    wait_for_gradient(gradient, streams)
    count = len(gradient.layer.params)
    corrected = gradient.tensors[:count]
    if error is not None:
        corrected = tuple(tensor + lost for tensor, lost in zip(corrected, error.copies[0].tensors, strict=True))
    sent = decoded(codec, corrected)
    lost = [tensor - part for tensor, part in zip(corrected, sent, strict=True)]
    received = replace(gradient, tensors=(*sent, *gradient.tensors[count:]), stream=NO_CONTEXT)
    return received, TorchWeights(replica, [gradient.layer], [LayerWeights(lost, ())])


def decoded(codec: e.Codec, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the tensors of one layer as a receiver of the encoded ones has them."""
    if not tensors:
        return []
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    pieces = torch.split(_decoded(codec, flat), [tensor.numel() for tensor in tensors])
    return [torch.empty_like(t).copy_(piece.view(t.shape)) for t, piece in zip(tensors, pieces, strict=True)]


def _decoded(codec: e.Codec, flat: Tensor) -> Tensor:
    """Returns (n,) of (n,). NaN stays NaN, so that a run that diverges is noticed."""
    match codec.name:
        case "topk":
            return torch.where(_largest(flat.abs(), top_k_entries(codec, len(flat))), flat, 0.0)
        case "sign":
            scale = flat.abs().mean()
            return torch.where(flat < 0, -scale, scale)
    scale = flat.abs().max() / 127
    return torch.where(scale == 0, 0.0, (flat / scale).round() * scale)


def _largest(magnitudes: Tensor, count: int) -> Tensor:
    """Returns a mask (n,) of the `count` largest; of equal ones those that come first."""
    magnitudes = magnitudes.nan_to_num(nan=torch.inf, posinf=torch.inf)
    least = torch.topk(magnitudes, count, sorted=False).values.min()
    above, equal = magnitudes > least, magnitudes == least
    return above | (equal & (equal.cumsum(0) <= count - above.sum()))
