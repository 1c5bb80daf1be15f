"""Means over replicas: of gradients, and of the weights as one vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer, TorchReplica
from benchmarks.executors.numerics.streams import NOTHING, DeviceStreams

Part = tuple[TorchLayer, list[Tensor]]
ByLayer = Sequence[tuple[TorchLayer, Callable[[], None]]]
"""One access a layer, in the order of the layers."""


def mean_gradients(gradients: Sequence[TorchGradient], streams: DeviceStreams | None) -> list[TorchGradient]:
    """Every member's own copy of the mean, all at the same rate: that of the round's first ticket.

    streams: of the device, where batches have streams of their own; the means are computed on the caller's.
    """
    if len(gradients) == 1:
        return list(gradients)
    for gradient in gradients:
        if streams is not None and gradient.stream is not NOTHING:
            streams.wait(gradient.ready)
            for tensor in gradient.tensors:
                streams.keep(tensor)
    parts = zip(*(g.tensors for g in gradients), strict=True)
    means = tuple(torch.stack([p.to(same[0].device) for p in same]).mean(0) for same in parts)
    ticket = min(g.index for g in gradients)
    return [replace(g, index=ticket, tensors=tuple(m.clone() for m in means), stream=NOTHING) for g in gradients]


def flat(replica: TorchReplica, *, buffers: bool) -> Tensor:
    """A copy of the replica's weights, and of its float buffers where these count, as one vector (n,).

    Layer by layer, updates going on meanwhile.
    """
    vector, copies = flat_by_layer(replica, buffers=buffers)
    for _, copy in copies:
        copy()
    return vector


def flat_by_layer(replica: TorchReplica, *, buffers: bool) -> tuple[Tensor, ByLayer]:
    """The vector before it is filled, and what fills it."""
    parts = [(layer, tensors) for layer, tensors in _parts(replica, buffers) if tensors]
    vector = torch.empty(sum(t.numel() for _, ts in parts for t in ts), device=parts[0][1][0].device)
    return vector, [(part[0], partial(_copy, *part, piece)) for part, piece in _pieces(vector, parts)]


def _copy(layer: TorchLayer, tensors: Sequence[Tensor], piece: Tensor) -> None:
    with layer.reading, layer.reading_statistics, layer.read():
        torch.cat([t.reshape(-1) for t in tensors], out=piece)


def mean_flat(vectors: Sequence[Tensor]) -> Tensor:
    """(n,) each -> (n,), summed up in the order of the replicas."""
    total = vectors[0].clone()
    for vector in vectors[1:]:
        total += vector
    return total / len(vectors)


def add_mean(replica: TorchReplica, mean: Tensor, snapshot: Tensor, *, buffers: bool) -> None:
    """x += mean - snapshot, layer by layer, updates going on meanwhile (B, Algorithm 1b line 8).

    mean, snapshot: (n,), as `flat` lays them out.
    """
    for _, add in add_mean_by_layer(replica, mean, snapshot, buffers=buffers):
        add()


def add_mean_by_layer(replica: TorchReplica, mean: Tensor, snapshot: Tensor, *, buffers: bool) -> ByLayer:
    """What adds it."""
    parts = list(_parts(replica, buffers))
    return [(part[0], partial(_add, *part, piece)) for part, piece in _pieces(mean - snapshot, parts)]


def _add(layer: TorchLayer, tensors: Sequence[Tensor], piece: Tensor) -> None:
    offset = 0
    with layer.mutex, layer.statistics, layer.write(update=False):
        for tensor in tensors:
            tensor += piece[offset : offset + tensor.numel()].view_as(tensor)
            offset += tensor.numel()
        layer.averages += 1
        layer.traffic.added()


def _pieces(vector: Tensor, parts: Sequence[Part]) -> Iterator[tuple[Part, Tensor]]:
    """The vector (n,), cut into a piece for each layer."""
    offset = 0
    for part in parts:
        end = offset + sum(t.numel() for t in part[1])
        yield part, vector[offset:end]
        offset = end


def _parts(replica: TorchReplica, buffers: bool) -> Iterator[Part]:
    for layer in replica.layers:
        yield layer, [p.data for p in layer.params] + ([b.data for b in layer.buffers] if buffers else [])


def mean_state(tensors: Sequence[Tensor]) -> Tensor:
    """The mean of a parameter or float buffer over the replicas; of a count, which is no float, the first's."""
    if len(tensors) == 1 or not tensors[0].is_floating_point():
        return tensors[0].clone()
    return torch.stack(list(tensors)).mean(0)
