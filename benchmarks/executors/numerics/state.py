"""A team's tensors at a drain by name, and back into a team: for checkpoints and the reports of ranks.

Saved tensors are contiguous copies on the host. Weights are restored in place, since optimizers, batches in flight and
cuDNN's LSTM share their storage; an optimizer's state gets the strides of its weights, which fused steps need.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.executors.accounting import Weights
from benchmarks.executors.counts import LayerCounts, TeamValues
from benchmarks.executors.numerics.layer import TorchLayer, Updates
from benchmarks.executors.numerics.weights import LayerWeights, State, TorchWeights
from methods import effects as e

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class TeamState:
    """A team at a drain, as a checkpoint keeps it. tensors: by name, on the host."""

    tensors: Tensors
    values: TeamValues


def tensors_of(layers: Sequence[TorchLayer], more: Tensors) -> dict[str, Tensor]:
    """Returns host copies of the layers' weights, buffers and optimizer states by name, and of `more`."""
    tensors = dict(more)
    for layer in layers:
        tensors |= _weights(layer)
        tensors |= dict(_optimizer_states(layer))
    return {name: torch.empty(t.shape, dtype=t.dtype).copy_(t.detach()) for name, t in tensors.items()}


def counts(layer: TorchLayer) -> LayerCounts:
    """Returns the layer's counters."""
    return LayerCounts(
        updates=layer.updates,
        averages=layer.averages,
        stepped=layer.stepped,
        workers=list(layer.optimizers),
        offset=layer.offset,
    )


def restore(layers: Sequence[TorchLayer], saved: TeamState, updates: Updates) -> None:
    """Loads saved tensors and counters into layers.

    Raises ValueError, before any change, where the layers are others.
    """
    live = {name: tensor for layer in layers for name, tensor in _weights(layer).items()}
    if len(saved.values.layers) != len(layers) or not all(_alike(saved.tensors.get(n), t) for n, t in live.items()):
        raise ValueError("its weights are of another network")
    states: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in saved.tensors.items():
        place, _, key = name.rpartition(" ")
        states[place][key] = tensor
    for name, tensor in live.items():
        tensor.copy_(saved.tensors[name])
    for layer, values in zip(layers, saved.values.layers, strict=True):
        layer.updates, layer.averages, layer.stepped = values.updates, values.averages, values.stepped
        layer.offset = values.offset
        layer.optimizers, layer.leaves = {}, {}
        for worker in values.workers:
            _restore_optimizer(layer, worker, updates, states)


def _restore_optimizer(
    layer: TorchLayer, worker: str, updates: Updates, states: Mapping[str, Mapping[str, Tensor]]
) -> None:
    optimizer = updates.optimizer_for(layer, worker)  # its state is the first worker's if that is shared
    for i, leaf in enumerate(layer.leaves[worker]):
        for key, tensor in states.get(_place(layer, worker, i), {}).items():
            restored = torch.empty_like(leaf.data) if tensor.shape == leaf.shape else tensor.new_empty(tensor.shape)
            optimizer.state[leaf][key] = restored.to(leaf.device).copy_(tensor)


def _weights(layer: TorchLayer) -> dict[str, Tensor]:
    """Returns a layer's parameters and buffers by name; no copies."""
    return {f"replica {layer.device} {layer.name} {key}": value for key, value in layer.module.state_dict().items()}


def _optimizer_states(layer: TorchLayer) -> Iterator[tuple[str, Tensor]]:
    """Yields optimizer states by name; a shared one only once, under the first worker's name."""
    yielded: set[int] = set()
    for worker, optimizer in layer.optimizers.items():
        for i, leaf in enumerate(layer.leaves[worker]):
            state = optimizer.state.get(leaf, {})
            if id(state) not in yielded:
                yielded.add(id(state))
                for key, value in state.items():
                    yield f"{_place(layer, worker, i)} {key}", value


def _place(layer: TorchLayer, worker: str, i: int) -> str:
    return f"replica {layer.device} {layer.name} optimizer of {worker}: {i}"


def _alike(saved: Tensor | None, live: Tensor) -> bool:
    return saved is not None and saved.shape == live.shape and saved.dtype == live.dtype


# ---- weights that last over epochs (team.weights)


def tensors_of_weights(named: Mapping[str, e.Weights]) -> dict[str, Tensor]:
    """Returns the tensors by name; of weights whose tensors are in another process, none."""
    tensors: dict[str, Tensor] = {}
    for name, weights in named.items():
        if isinstance(weights, TorchWeights):
            for layer, copy in zip(weights.layers, weights.copies, strict=True):
                place = _weights_place(name, layer)
                tensors |= {f"{place} weight {i}": tensor for i, tensor in enumerate(copy.tensors)}
                tensors |= {f"{place} statistic {i}": tensor for i, tensor in enumerate(copy.statistics)}
                for i, state in enumerate(copy.states):
                    tensors |= {f"{place} outer {i} {key}": value for key, value in state.items()}
    return tensors


def restored_weights(name: str, like: Weights, saved: Tensors) -> TorchWeights:
    """Returns weights from what `tensors_of_weights` gave of them. Raises ValueError where they are of other layers."""
    layers = [layer for layer in like.layers if isinstance(layer, TorchLayer)]
    copies = []
    try:
        for layer in layers:
            place = _weights_place(name, layer)
            tensors = [_copy_like(p, saved[f"{place} weight {i}"]) for i, p in enumerate(layer.params)]
            buffers = layer.buffers if f"{place} statistic 0" in saved else ()  # an error of `Compress` has none
            statistics = [_copy_like(buffer, saved[f"{place} statistic {i}"]) for i, buffer in enumerate(buffers)]
            states = [_outer_state(p, f"{place} outer {i} ", saved) for i, p in enumerate(layer.params)]
            copies.append(LayerWeights(tensors, statistics, states if any(states) else []))
    except KeyError as error:
        raise ValueError(f"its weights '{name}' lack {error}") from error
    return TorchWeights(like.replica, layers, copies, steps=like.steps, copied=like.copied)


def _outer_state(parameter: Tensor, prefix: str, saved: Tensors) -> State:
    return {key.removeprefix(prefix): _copy_like(parameter, t) for key, t in saved.items() if key.startswith(prefix)}


def _weights_place(name: str, layer: TorchLayer) -> str:
    return f"kept {name}: {layer.name}"


def _copy_like(live: Tensor, saved: Tensor) -> Tensor:
    """Returns a copy where the live tensor is, and in its layout. Raises ValueError where it has another shape."""
    if saved.shape != live.shape or saved.dtype != live.dtype:
        raise ValueError("its weights are of another network")
    return torch.empty_like(live.data).copy_(saved)
