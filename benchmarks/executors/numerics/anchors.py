"""Weights as values: copies of layers, pseudo-gradients, outer steps, mixing them in again, and the errors of codecs.

Running statistics of BatchNorm are kept apart: they are averaged and mixed, and never extrapolated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import Weights
from benchmarks.executors.numerics.averages import ByLayer, here
from benchmarks.executors.numerics.codecs import decoded
from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer, TorchReplica
from benchmarks.executors.numerics.streams import NO_CONTEXT, DeviceStreams
from benchmarks.executors.staleness import Moment
from benchmarks.workloads.optimizers import build
from methods import effects as e

State = dict[str, Tensor]
SUM, MOMENTUM = "sum", "momentum_buffer"


@dataclass(frozen=True)
class LayerWeights:
    """One layer's parameters and float buffers. states: what an outer optimizer keeps of each parameter."""

    tensors: Sequence[Tensor]
    statistics: Sequence[Tensor]
    states: Sequence[State] = ()  # none before the first step


@dataclass(eq=False)
class TorchWeights(Weights):
    """copies: layer by layer."""

    layers: Sequence[TorchLayer]
    copies: list[LayerWeights] = field(default_factory=list, repr=False)

    @property
    def sizes(self) -> int:
        return 1 + max((len(state) for copy in self.copies for state in copy.states), default=0)


def anchor_by_layer(replica: TorchReplica, layers: Sequence[TorchLayer]) -> tuple[TorchWeights, ByLayer]:
    """Returns weights that are still empty, and what copies them."""
    made = TorchWeights(replica, layers)
    return made, [(layer, partial(_anchor, made, layer)) for layer in layers]


def _anchor(made: TorchWeights, layer: TorchLayer) -> None:
    with layer.reading, layer.reading_statistics, layer.reading_weights():
        tensors, statistics = ([t.data.clone() for t in of] for of in (layer.params, layer.buffers))
        made.copied.append(layer.version)
    made.copies.append(LayerWeights(tensors, statistics))


def delta_by_layer(
    anchor: TorchWeights, replica: TorchReplica, now: Moment, *, buffers: bool
) -> tuple[list[TorchGradient], ByLayer]:
    """Returns a list that is still empty, and what adds a layer's pseudo-gradient to it.

    Its tensors are anchor - live, one for each parameter; then, where these are averaged, the layer's float buffers.
    """
    made: list[TorchGradient] = []
    layers = [replica.layers[layer.index] for layer in anchor.layers]
    kept = zip(layers, anchor.copies, anchor.versions, strict=True)
    return made, [(layer, partial(_delta, made, layer, copy, version, now, buffers)) for layer, copy, version in kept]


def _delta(
    made: list[TorchGradient], layer: TorchLayer, copy: LayerWeights, version: int, now: Moment, buffers: bool
) -> None:
    with layer.reading, layer.reading_statistics, layer.reading_weights():
        gradient = TorchGradient.pseudo(layer, version, now)
        apart = [old - live.data for old, live in zip(copy.tensors, layer.params, strict=True)]
        gradient.tensors = (*apart, *(buffer.data.clone() for buffer in layer.buffers if buffers))
    made.append(gradient)


def step_outer(
    anchor: TorchWeights, deltas: Sequence[TorchGradient], optimizer: e.OuterOptimizer, scale: float, *, buffers: bool
) -> TorchWeights:
    """Returns the weights after a step. deltas: of their layers, in their order."""
    step = partial(_delayed, number=anchor.steps + 1) if optimizer.name.startswith("delayed") else _sgd
    copies = []
    for copy, delta in zip(anchor.copies, deltas, strict=True):
        count = len(copy.tensors)  # after them come the buffers
        given = [tensor if scale == 1.0 else tensor * scale for tensor in delta.tensors[:count]]
        tensors, states = step(copy.tensors, copy.states, given, optimizer) if count else ([], [])
        copies.append(LayerWeights(tensors, list(delta.tensors[count:]) if buffers else copy.statistics, states))
    return replace(anchor, copies=copies, steps=anchor.steps + 1)


Stepped = tuple[Sequence[Tensor], list[State]]
"""Parameters after a step, and what the optimizer keeps of each."""


def _sgd(
    tensors: Sequence[Tensor], before: Sequence[State], given: Sequence[Tensor], chosen: e.OuterOptimizer
) -> Stepped:
    """A step of torch's SGD."""
    leaves = [nn.Parameter(tensor.clone()) for tensor in tensors]
    nesterov = chosen.name == "nesterov" and chosen.momentum > 0
    optimizer = build("sgd", leaves, lr=chosen.lr, momentum=chosen.momentum, nesterov=nesterov)
    for leaf, state in zip(leaves, before, strict=bool(before)):
        optimizer.state[leaf] = {key: value.clone() for key, value in state.items()}
    for leaf, delta in zip(leaves, given, strict=True):
        leaf.grad = torch.empty_like(leaf).copy_(delta)  # in the leaf's layout, as fused steps take it
    optimizer.step()
    return [leaf.data for leaf in leaves], [dict(optimizer.state[leaf]) for leaf in leaves]


def _delayed(
    tensors: Sequence[Tensor], before: Sequence[State], given: Sequence[Tensor], chosen: e.OuterOptimizer, number: int
) -> Stepped:
    """A step of an optimizer that sums up pseudo-gradients, and whose momentum, or all of it, waits for every N-th."""
    every, activation = chosen.every, chosen.activation  # type: ignore[attr-defined]  # the delayed ones have them
    due, states = number % every == 0, [dict(state) for state in before] or [{} for _ in tensors]
    for state, delta in zip(states, given, strict=True):
        state[SUM] = state[SUM] + delta if SUM in state else delta.clone()
    means = [state.pop(SUM) / every for state in states] if due else []
    if chosen.name == "delayed_sgd":
        return _sgd(tensors, states, means, chosen) if due else (tensors, states)
    for state, mean in zip(states, means, strict=due):
        state[MOMENTUM] = chosen.momentum * state[MOMENTUM] + mean if MOMENTUM in state else mean
    share = chosen.momentum * ((1 - activation if due else 0.0) + activation / every)
    moved = [
        tensor - chosen.lr * (share * state[MOMENTUM] + delta / every if MOMENTUM in state else delta / every)
        for tensor, state, delta in zip(tensors, states, given, strict=True)
    ]
    return moved, states


def mix_by_layer(replica: TorchReplica, weights: TorchWeights, share: float, *, fresh: bool, buffers: bool) -> ByLayer:
    """Returns what mixes the weights, and with `buffers` the running statistics, into the replica's layers.

    fresh: their optimizers begin anew.
    """
    layers = [replica.layers[layer.index] for layer in weights.layers]
    kept = zip(layers, weights.copies, weights.versions, strict=True)
    return [(layer, partial(_mix, layer, copy, version, share, fresh, buffers)) for layer, copy, version in kept]


def _mix(layer: TorchLayer, copy: LayerWeights, version: int, share: float, fresh: bool, buffers: bool) -> None:
    with layer.mutex, layer.statistics, layer.writing_weights(update=False):
        for live, other in zip(layer.params, copy.tensors, strict=True):
            live.data.lerp_(other, share)
        for buffer, statistic in zip(layer.buffers, copy.statistics, strict=True) if buffers else ():
            buffer.data.lerp_(statistic, share)
        if fresh:
            layer.forget_optimizers()
        layer.mixed(version, share)
        layer.access_counter.count_addition()


def compressed(
    gradient: TorchGradient,
    codec: e.Codec,
    error: TorchWeights | None,
    replica: TorchReplica,
    streams: DeviceStreams | None,
) -> tuple[TorchGradient, TorchWeights]:
    """Returns codec(gradient + error), decoded, and gradient + error less that.

    What follows the gradients of a pseudo-gradient, running statistics, is left as it is. streams: as in
    averages.mean_gradients.
    """
    here(gradient, streams)
    count = len(gradient.layer.params)
    wanted = gradient.tensors[:count]
    if error is not None:
        wanted = tuple(tensor + left for tensor, left in zip(wanted, error.copies[0].tensors, strict=True))
    sent = decoded(codec, wanted)
    left = [tensor - part for tensor, part in zip(wanted, sent, strict=True)]
    made = replace(gradient, tensors=(*sent, *gradient.tensors[count:]), stream=NO_CONTEXT)
    return made, TorchWeights(replica, [gradient.layer], [LayerWeights(left, ())])


# ---- what is kept of weights that last


def kept(named: Mapping[str, e.Weights]) -> dict[str, Tensor]:
    """Returns their tensors by name; those whose tensors are in another process have none here."""
    return {place: tensor for name, its in named.items() for place, tensor in _places(name, its)}


def _places(name: str, weights: e.Weights) -> Iterator[tuple[str, Tensor]]:
    if isinstance(weights, TorchWeights):
        for layer, copy in zip(weights.layers, weights.copies, strict=True):
            for kind, tensors in (("weight", copy.tensors), ("statistic", copy.statistics)):
                yield from ((_place(name, layer, kind, i), tensor) for i, tensor in enumerate(tensors))
            for i, state in enumerate(copy.states):
                yield from ((f"{_place(name, layer, 'outer', i)} {key}", value) for key, value in state.items())


def _place(name: str, layer: TorchLayer, kind: str, i: int) -> str:
    return f"kept {name}: {layer.name} {kind} {i}"


def restored(name: str, like: Weights, saved: Mapping[str, Tensor]) -> TorchWeights:
    """Returns weights from what `kept` gave of them. Raises ValueError where they are of other layers."""
    layers = [layer for layer in like.layers if isinstance(layer, TorchLayer)]
    copies = []
    try:
        for layer in layers:
            tensors = [_like(p, saved[_place(name, layer, "weight", i)]) for i, p in enumerate(layer.params)]
            places = [_place(name, layer, "statistic", i) for i in range(len(layer.buffers))]
            has = any(place in saved for place in places)  # an error of `Compress` has none
            buffers = [_like(b, saved[place]) for b, place in zip(layer.buffers, places, strict=True) if has]
            copies.append(LayerWeights(tensors, buffers, _states(name, layer, saved)))
    except KeyError as error:
        raise ValueError(f"its weights '{name}' lack {error}") from error
    return TorchWeights(like.replica, layers, copies, steps=like.steps, copied=like.copied)


def _states(name: str, layer: TorchLayer, saved: Mapping[str, Tensor]) -> list[State]:
    states: list[State] = []
    for i, p in enumerate(layer.params):
        place = f"{_place(name, layer, 'outer', i)} "
        states.append({key.removeprefix(place): _like(p, t) for key, t in saved.items() if key.startswith(place)})
    return states if any(states) else []


def _like(live: Tensor, saved: Tensor) -> Tensor:
    """Returns a copy where the live tensor is, and in its layout. Raises ValueError where it has another shape."""
    if saved.shape != live.shape or saved.dtype != live.dtype:
        raise ValueError("its weights are of another network")
    return torch.empty_like(live.data).copy_(saved)
