"""A team's tensors at a drain, by name, and back into a team.

What is kept are contiguous copies on the host, however a tensor lies in memory. Weights come back in place, since
optimizers, batches in flight and an LSTM's one piece of memory share their storage; an optimizer's state lies in memory
as its weights do, which fused steps take for granted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.executors.counts import LayerCounts, TeamValues
from benchmarks.executors.numerics.replica import TorchLayer
from benchmarks.executors.numerics.updates import Updates

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class TeamState:
    """A team at a drain, as a checkpoint keeps it. tensors: by name, on the host."""

    tensors: Tensors
    values: TeamValues


def kept(layers: Sequence[TorchLayer], others: Tensors) -> dict[str, Tensor]:
    """Returns contiguous copies, on the host, of the layers' weights, buffers and optimizer states, and of others."""
    tensors = dict(others)
    for layer in layers:
        tensors |= _weights(layer)
        tensors |= dict(_optimizer_states(layer))
    return {name: torch.empty(t.shape, dtype=t.dtype).copy_(t.detach()) for name, t in tensors.items()}


def counts(layer: TorchLayer) -> LayerCounts:
    """Returns what the layer has counted."""
    return LayerCounts(
        updates=layer.updates, averages=layer.averages, stepped=layer.stepped, workers=list(layer.optimizers)
    )


def restore(layers: Sequence[TorchLayer], saved: TeamState, updates: Updates) -> None:
    """Raises ValueError, before anything is changed, where the layers are others than those that were kept."""
    live = {name: tensor for layer in layers for name, tensor in _weights(layer).items()}
    if len(saved.values.layers) != len(layers) or not all(_alike(saved.tensors.get(n), t) for n, t in live.items()):
        raise ValueError("its weights are of another network")
    states: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in saved.tensors.items():
        place, _, key = name.rpartition(" ")
        states[place][key] = tensor
    for name, tensor in live.items():
        tensor.copy_(saved.tensors[name])
    for layer, its in zip(layers, saved.values.layers, strict=True):
        layer.updates, layer.averages, layer.stepped = its.updates, its.averages, its.stepped
        layer.optimizers, layer.leaves = {}, {}
        for worker in its.workers:
            _restore_optimizer(layer, worker, updates, states)


def _restore_optimizer(
    layer: TorchLayer, worker: str, updates: Updates, states: Mapping[str, Mapping[str, Tensor]]
) -> None:
    optimizer = updates.of(layer, worker)  # its state is the first worker's if that is shared
    for i, leaf in enumerate(layer.leaves[worker]):
        for key, tensor in states.get(_place(layer, worker, i), {}).items():
            own = torch.empty_like(leaf.data) if tensor.shape == leaf.shape else tensor.new_empty(tensor.shape)
            optimizer.state[leaf][key] = own.to(leaf.device).copy_(tensor)


def _weights(layer: TorchLayer) -> dict[str, Tensor]:
    """Parameters and buffers themselves."""
    return {f"replica {layer.device} {layer.name} {key}": value for key, value in layer.module.state_dict().items()}


def _optimizer_states(layer: TorchLayer) -> Iterator[tuple[str, Tensor]]:
    """Gives states by name; what workers share once, under the first one's name."""
    seen: set[int] = set()
    for worker, optimizer in layer.optimizers.items():
        for i, leaf in enumerate(layer.leaves[worker]):
            state = optimizer.state.get(leaf, {})
            if id(state) not in seen:
                seen.add(id(state))
                for key, value in state.items():
                    yield f"{_place(layer, worker, i)} {key}", value


def _place(layer: TorchLayer, worker: str, i: int) -> str:
    return f"replica {layer.device} {layer.name} optimizer of {worker}: {i}"


def _alike(kept: Tensor | None, live: Tensor) -> bool:
    return kept is not None and kept.shape == live.shape and kept.dtype == live.dtype
