"""Applies gradients: an optimizer for each worker and layer, whose state is the layer's or the worker's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer, alias

OptimizerFactory = Callable[[Sequence[Tensor]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Clip:
    """Scales gradients down to a norm of at most `norm`, each layer's alone, or (`all`) by the norm of all layers."""

    norm: float
    all: bool = False

    def factor(self, tensors: Sequence[Tensor]) -> Tensor:
        """Returns the factor, at most 1, by which torch.nn.utils.clip_grad_norm_ would multiply these gradients."""
        norms = torch.stack(torch._foreach_norm(list(tensors)))
        return torch.clamp(self.norm / (torch.linalg.vector_norm(norms) + 1e-6), max=1.0)


class Updates:
    """Applies gradients by torch optimizers. learning_rate: global ticket -> rate.

    shared_momentum: all workers share a layer's optimizer state, else each worker has its own.
    """

    def __init__(
        self,
        optimizer: OptimizerFactory,
        learning_rate: Callable[[int], float],
        *,
        shared_momentum: bool,
        clip: Clip | None = None,
    ) -> None:
        self.optimizer, self.learning_rate, self.shared_momentum = optimizer, learning_rate, shared_momentum
        self.clip = clip
        self._lock = threading.Lock()
        self._state_keys: dict[int, list[tuple[str, int]]] = {}

    def clip_together(self, gradients: Sequence[TorchGradient], layers: int) -> None:
        """Sets the common clipping factor of an update's gradients, where clipping is by the norm of all layers.

        Raises ValueError where there is not one gradient for each of `layers` layers.
        """
        if self.clip is None or not self.clip.all:
            return
        in_order = sorted(gradients, key=lambda gradient: gradient.layer.index)
        if [gradient.layer.index for gradient in in_order] != list(range(layers)):
            raise ValueError(f"clip_by=all: an update has {len(gradients)} gradients, and not one of each layer")
        with in_order[0].stream:  # all are of one batch, or means
            factor = self.clip.factor([tensor for gradient in in_order for tensor in gradient.tensors])
        for gradient in gradients:
            gradient.clip_factor = factor

    def apply(self, layer: TorchLayer, gradient: TorchGradient, worker: str, scale: float = 1.0) -> None:
        """Changes the layer's weights in place; the caller holds its mutex. scale: of the learning rate."""
        if not layer.params:
            return
        optimizer, leaves = self.optimizer_for(layer, worker), layer.leaves[worker]
        if gradient.weights is None or layer is not gradient.layer:  # a copy overwrites its own replica only
            self._step(layer, optimizer, leaves, gradient, scale)
            layer.access_counter.count_addition()
            if layer.shadow is not None:
                layer.shadow.increment()
            return
        # theta_m <- theta_{m,k} - eta G: what others added since the copy was taken is lost (A, Algorithm 1).
        for leaf, copied in zip(leaves, gradient.weights, strict=True):
            leaf.data = copied
        self._step(layer, optimizer, leaves, gradient, scale)
        for leaf, live in zip(leaves, layer.params, strict=True):
            live.data.copy_(leaf.data)
            leaf.data = live.data
        layer.access_counter.count_overwrite(gradient.copied)

    def _step(
        self,
        layer: TorchLayer,
        optimizer: torch.optim.Optimizer,
        leaves: Sequence[Tensor],
        gradient: TorchGradient,
        scale: float,
    ) -> None:
        rate = self.learning_rate(gradient.index) * scale  # times 1 is the same to the last bit
        for group in optimizer.param_groups:
            group["lr"] = rate
        for leaf, tensor in zip(leaves, self._clipped(gradient), strict=True):
            # Fused steps go through memory, where a mean of gradients lies otherwise than the weights.
            leaf.grad = tensor if tensor.stride() == leaf.stride() else torch.empty_like(leaf).copy_(tensor)
        if layer.stepped:
            optimizer.step()
        else:
            with self._lock:  # lock_free frees the steps: nobody may see the half of a state that others share
                optimizer.step()
                layer.stepped = True
        for leaf in leaves:
            leaf.grad = None

    def _clipped(self, gradient: TorchGradient) -> Sequence[Tensor]:
        """Returns the gradient's tensors, or scaled copies: other replicas may apply the same gradient."""
        if self.clip is None:
            return gradient.tensors
        factor = self.clip.factor(gradient.tensors) if gradient.clip_factor is None else gradient.clip_factor
        return torch._foreach_mul(gradient.tensors, factor)

    def state_keys(self, layer: TorchLayer) -> list[tuple[str, int]]:
        """Returns (name, parameter index) of each state tensor that has its parameter's shape, such as momentum."""
        if layer.index not in self._state_keys:
            probes = [nn.Parameter(torch.zeros([2] * max(1, p.ndim))) for p in layer.params]
            for probe, p in zip(probes, layer.params, strict=True):
                probe.__dict__.update(p.__dict__)
                probe.grad = torch.zeros_like(probe)
            optimizer = self.optimizer(probes)
            optimizer.step()
            states = [optimizer.state.get(probe, {}).items() for probe in probes]
            self._state_keys[layer.index] = sorted(
                (key, i) for i, state in enumerate(states) for key, value in state if _like(value, probes[i])
            )
        return self._state_keys[layer.index]

    def state_of(self, layer: TorchLayer) -> list[Tensor]:
        """Returns the layer's optimizer state: one tensor per key and parameter that `state_keys` names, in that order.

        These are the live tensors, which averages change in place; zeros where there was no update yet. It exists so
        that an average of replicas can take momentum along. Raises ValueError where workers have states of their own
        (momentum=per_updater).
        """
        states: dict[int, list[dict[str, Tensor]]] = {}
        for worker, optimizer in list(layer.optimizers.items()):
            state: list[dict[str, Tensor]] = [optimizer.state.get(leaf, {}) for leaf in layer.leaves[worker]]
            if all(state):
                states[id(state[0])] = state
        if len(states) > 1:
            raise ValueError(
                f"Average(state=True) takes a layer's one optimizer state along, and {layer.name} has {len(states)}: "
                "set momentum=shared"
            )
        keys = self.state_keys(layer) if layer.params else []
        for shared in states.values():
            return [shared[i][key] for key, i in keys]
        return [torch.zeros_like(layer.params[i].data) for _, i in keys]

    def optimizer_for(self, layer: TorchLayer, worker: str) -> torch.optim.Optimizer:
        """Returns the worker's own optimizer of a layer, so that workers share neither .grad nor lr.

        Their state if shared.
        """
        if worker not in layer.optimizers:
            with self._lock:
                layer.leaves[worker] = leaves = [alias(p) for p in layer.params]
                optimizer = self.optimizer(leaves)
                first = next(iter(layer.optimizers), None)
                if self.shared_momentum and first is not None:
                    for first_leaf, leaf in zip(layer.leaves[first], leaves, strict=True):
                        optimizer.state[leaf] = layer.optimizers[first].state[first_leaf]  # the very same dict
                layer.optimizers[worker] = optimizer
        return layer.optimizers[worker]


def _like(value: object, tensor: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == tensor.shape
