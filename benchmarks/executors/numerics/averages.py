"""Means over replicas: of gradients, and of the weights as one vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import torch
from torch import Tensor

from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer, TorchReplica
from benchmarks.executors.numerics.streams import NO_CONTEXT, DeviceStreams, Event

Part = tuple[TorchLayer, list[Tensor]]
ByLayer = Sequence[tuple[TorchLayer, Callable[[], None]]]
"""One access a layer, in the order of the layers."""
StateOf = Callable[[TorchLayer], list[Tensor]]
"""The tensors of a layer's optimizer state that are averaged with its weights; the same sizes at any time."""


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
        here(gradient, streams)
    parts = zip(*(g.tensors for g in gradients), strict=True)
    stacks = (torch.stack([p.to(copies[0].device) for p in copies]) for copies in parts)
    return tuple(stack.mean(0) if mean else stack.sum(0) for stack in stacks)


def here(gradient: TorchGradient, streams: DeviceStreams | None) -> None:
    """Has the caller's stream wait for a gradient that its batch's stream computes."""
    if streams is not None and gradient.stream is not NO_CONTEXT:
        streams.wait(cast(Event, gradient.ready))
        for tensor in gradient.tensors:
            streams.keep(tensor)


def flat_by_layer(replica: TorchReplica, *, buffers: bool, state: StateOf | None = None) -> tuple[Tensor, ByLayer]:
    """Returns an empty vector (n,), and per layer a function that copies weights, float buffers and state into it.

    Layer by layer, so that updates can go on in between.
    """
    parts = [(layer, tensors) for layer, tensors in _parts(replica, buffers) if tensors]
    sizes = [_size(*part, state) for part in parts]
    vector = torch.empty(sum(sizes), device=parts[0][1][0].device)
    pieces = zip(parts, _pieces(vector, sizes), strict=True)
    return vector, [(part[0], partial(_copy, *part, state, piece)) for part, piece in pieces]


def _copy(layer: TorchLayer, tensors: Sequence[Tensor], state: StateOf | None, piece: Tensor) -> None:
    with layer.reading, layer.reading_statistics, layer.reading_weights():
        torch.cat([t.reshape(-1) for t in _with_state(layer, tensors, state)], out=piece)


def weighed(vector: Tensor, weight: float | None) -> Tensor:
    """Returns weight times the vector (n,) and, last, the weight; the vector itself where there is none.

    Raises ValueError where the weight is not finite or not above 0.
    """
    if weight is None:
        return vector
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError(f"a weight in an average is a finite number above 0; {weight} came")
    return torch.cat([vector * weight, vector.new_tensor([weight])])


def mean_flat(vectors: Sequence[Tensor]) -> Tensor:
    """Returns the mean (n,) of vectors (n,), summed in the order of the replicas.

    Raises ValueError for unequal lengths.
    """
    if len({len(vector) for vector in vectors}) > 1:
        raise ValueError(
            "all members of an average take their optimizer's state along (and have weights), or none of them"
        )
    total = vectors[0].clone()
    for vector in vectors[1:]:
        total += vector
    return total / len(vectors)


def add_by_layer(replica: TorchReplica, difference: Tensor, *, buffers: bool, state: StateOf | None = None) -> ByLayer:
    """Returns for each layer a function that adds its piece of the difference (n,), laid out as in `flat_by_layer`."""
    parts = list(_parts(replica, buffers))
    sizes = [_size(*part, state) for part in parts]
    pieces = zip(parts, _pieces(difference, sizes), strict=True)
    return [(part[0], partial(_add, *part, state, piece)) for part, piece in pieces]


def _add(layer: TorchLayer, tensors: Sequence[Tensor], state: StateOf | None, piece: Tensor) -> None:
    offset = 0
    with layer.mutex, layer.statistics, layer.writing_weights(update=False):
        for tensor in _with_state(layer, tensors, state):
            tensor += piece[offset : offset + tensor.numel()].view_as(tensor)
            offset += tensor.numel()
        layer.averages += 1
        layer.access_counter.count_addition()


def _pieces(vector: Tensor, sizes: Sequence[int]) -> Iterator[Tensor]:
    """Yields pieces of the vector (n,) of these sizes."""
    offset = 0
    for size in sizes:
        yield vector[offset : offset + size]
        offset += size


def _size(layer: TorchLayer, tensors: Sequence[Tensor], state: StateOf | None) -> int:
    return sum(t.numel() for t in _with_state(layer, tensors, state))


def _with_state(layer: TorchLayer, tensors: Sequence[Tensor], state: StateOf | None) -> list[Tensor]:
    """Returns the tensors and the live optimizer state (which the first update creates)."""
    return [*tensors, *(state(layer) if state is not None else ())]


def _parts(replica: TorchReplica, buffers: bool) -> Iterator[Part]:
    for layer in replica.layers:
        yield layer, [p.data for p in layer.params] + ([b.data for b in layer.buffers] if buffers else [])


def mean_state(tensors: Sequence[Tensor]) -> Tensor:
    """Returns the mean over the replicas of a parameter or float buffer; of an integer buffer the first replica's."""
    if len(tensors) == 1 or not tensors[0].is_floating_point():
        return tensors[0].clone()
    return torch.stack(list(tensors)).mean(0)
