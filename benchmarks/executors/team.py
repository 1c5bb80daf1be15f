"""A team of replicas, and the numerics of every effect. Executors decide when, and what time means."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.executors import accounts
from benchmarks.executors.replica import Gradient, Layer, Replica, Step, alias

OptimizerFactory = Callable[[Sequence[Tensor]], torch.optim.Optimizer]
BatchSource = Callable[[int, int], tuple[Tensor, Tensor]]  # (epoch, index) -> images (B, C, H, W), labels (B,)


class Team(accounts.DryTeam):
    """The replicas of one run, with the numerics of every effect.

    networks: per replica, layer name -> module, all alike. learning_rate: global ticket -> rate.
    """

    def __init__(
        self,
        networks: Sequence[dict[str, nn.Module]],
        *,
        optimizer: OptimizerFactory,
        learning_rate: Callable[[int], float],
        batches: BatchSource,
        steps_per_epoch: int,
        epochs: int,
        shared_momentum: bool = True,
        overwrite: bool = False,
        lock_free: bool = False,
        average_buffers: bool = True,
        streams: bool = False,
    ) -> None:
        replicas = []
        for q, network in enumerate(networks):
            layers = [Layer(name, i, m, q, lock_free=lock_free) for i, (name, m) in enumerate(network.items())]
            replicas.append(Replica(q, q, layers, streams))
        super().__init__(replicas, steps_per_epoch=steps_per_epoch, epochs=epochs)
        self.optimizer, self.learning_rate, self.batches = optimizer, learning_rate, batches
        self.shared_momentum, self.overwrite, self.average_buffers = shared_momentum, overwrite, average_buffers
        self.losses: list[Tensor] = []
        self.right: list[Tensor] = []  # per batch, the samples classified correctly
        self.samples = 0
        self._optimizers_lock, self._tally = threading.Lock(), threading.Lock()

    def begin_epoch(self, epoch: int) -> None:
        super().begin_epoch(epoch)
        self.losses, self.right, self.samples = [], [], 0

    def mean_loss(self) -> float:
        """Mean training loss over the epoch's batches."""
        return float(torch.stack(self.losses).double().mean()) if self.losses else float("nan")

    def train_accuracy(self) -> float:
        """Percent of the epoch's training samples classified correctly, each before its own update; nan before any."""
        return 100 * float(torch.stack(self.right).sum()) / self.samples if self.right else float("nan")

    # ---- effects

    def make_step(self, replica: Replica, i: int) -> Step:
        images, labels = self.batches(self.epoch, i)
        step = Step(replica, self.epoch * self.steps_per_epoch + i, images, labels)
        step.stream.follow(images, labels)
        return step

    def snapshot(self, layer: Layer, step: Step, now: float) -> None:
        if step.slot is None:
            step.slot = step.replica.slot_for(step)
        with step.stream, layer.mutex:
            step.slot.pin(layer)
            self.note_read(layer, step, now)

    def forward(self, layer: Layer, step: Step, now: float) -> None:
        super().forward(layer, step, now)
        x = step.activation
        with layer.statistics, step.stream:  # BatchNorm's running statistics are written in here
            y = step.module(layer)(x)
        step.tape[layer.index] = (x, y)
        step.activation = y.detach().requires_grad_()

    def loss(self, step: Step) -> None:
        logits = step.activation
        with step.stream:
            value = nn.functional.cross_entropy(logits, step.labels)
            (step.upstream,) = torch.autograd.grad(value, logits)
            right = (logits.detach().argmax(1) == step.labels).sum()
        with self._tally:
            self.losses.append(value.detach())
            self.right.append(right)
            self.samples += len(step.labels)

    def backward(self, layer: Layer, step: Step, *, weights: bool, inputs: bool) -> Gradient | None:
        recorded, step.tape[layer.index] = step.tape[layer.index], None
        assert recorded is not None, f"{layer.name} has no activations: its forward pass is missing, or was used up"
        x, y = recorded
        leaves = (list(step.module(layer).parameters()) if step.pins(layer) else layer.params) if weights else []
        into = [x] if inputs and x.requires_grad else []
        with step.stream:
            copies = [p.data.clone() for p in layer.params] if self.overwrite and weights else None
            grads = torch.autograd.grad(y, [*leaves, *into], step.upstream) if leaves or into else ()
        step.upstream = grads[-1] if into else None
        if not weights:
            return None
        read = step.reads[layer.index]
        assert read is not None
        return Gradient(layer, step.index, read, tensors=grads[: len(leaves)], weights=copies, stream=step.stream)

    def where(self, gradient: Gradient) -> AbstractContextManager[Any]:
        return gradient.stream or nullcontext()

    def apply(self, layer: Layer, gradient: Gradient, worker: str) -> None:
        if not layer.params:
            return
        optimizer, leaves = self._optimizer(layer, worker), layer.leaves[worker]
        if gradient.weights is None or layer is not gradient.layer:  # a copy overwrites its own replica only
            self._step(optimizer, leaves, gradient)
            return
        # theta_m <- theta_{m,k} - eta G: what others added since the copy was taken is lost (A, Algorithm 1).
        for leaf, mine in zip(leaves, gradient.weights, strict=True):
            leaf.data = mine
        self._step(optimizer, leaves, gradient)
        for leaf, live in zip(leaves, layer.params, strict=True):
            live.data.copy_(leaf.data)
            leaf.data = live.data

    def _step(self, optimizer: torch.optim.Optimizer, leaves: Sequence[Tensor], gradient: Gradient) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate(gradient.index)
        for leaf, tensor in zip(leaves, gradient.tensors, strict=True):
            leaf.grad = tensor
        optimizer.step()
        for leaf in leaves:
            leaf.grad = None

    def _optimizer(self, layer: Layer, worker: str) -> torch.optim.Optimizer:
        """An optimizer of the worker's own, so that nobody shares .grad or lr; its state is the layer's if shared."""
        if worker not in layer.optimizers:
            with self._optimizers_lock:
                layer.leaves[worker] = leaves = [alias(p) for p in layer.params]
                mine = self.optimizer(leaves)
                first = next(iter(layer.optimizers), None)
                if self.shared_momentum and first is not None:
                    for theirs, leaf in zip(layer.leaves[first], leaves, strict=True):
                        mine.state[leaf] = layer.optimizers[first].state[theirs]  # the very same dict
                layer.optimizers[worker] = mine
        return layer.optimizers[worker]

    # ---- collectives

    def mean_gradients(self, gradients: Sequence[Gradient]) -> list[Gradient]:
        """Every member's own copy of the mean, all at the same rate: that of the round's first ticket."""
        if len(gradients) == 1:
            return list(gradients)
        for gradient in gradients:
            if gradient.stream is not None:
                gradient.stream.join(*gradient.tensors)
        parts = zip(*(g.tensors for g in gradients), strict=True)
        mean = tuple(torch.stack([p.to(same[0].device) for p in same]).mean(0) for same in parts)
        ticket = min(g.index for g in gradients)
        return [
            Gradient(g.layer, ticket, g.read, g.ready, tensors=tuple(m.clone() for m in mean), weights=g.weights)
            for g in gradients
        ]

    def flat(self, replica: Replica) -> Tensor:
        """A copy of the replica's weights (and float buffers, if these are averaged) as one vector."""
        return torch.cat([t.reshape(-1) for _, tensors in self._parts(replica) for t in tensors])

    def mean_flat(self, vectors: Sequence[Tensor]) -> Tensor:
        total = vectors[0].clone()
        for vector in vectors[1:]:
            total += vector
        return total / len(vectors)

    def add_mean(self, replica: Replica, mean: Tensor, snapshot: Tensor) -> None:
        """x += mean - snapshot, layer by layer, updates going on meanwhile (B, Algorithm 1b line 8)."""
        difference, offset = mean - snapshot, 0
        for layer, tensors in self._parts(replica):
            with layer.mutex, layer.statistics:
                for tensor in tensors:
                    tensor += difference[offset : offset + tensor.numel()].view_as(tensor)
                    offset += tensor.numel()
                layer.averages += 1

    def _parts(self, replica: Replica) -> Iterator[tuple[Layer, list[Tensor]]]:
        for layer in replica.layers:
            buffers = [b.data for b in layer.buffers] if self.average_buffers else []
            yield layer, [p.data for p in layer.params] + buffers

    # ---- what is evaluated, and what is kept

    def consensus(self, how: str) -> list[dict[str, Tensor]]:
        """Per layer the state to evaluate: the mean of the replicas' weights and float buffers, or the first's."""
        replicas = self.replicas if how == "mean" else self.replicas[:1]
        states = [[layer.module.state_dict() for layer in replica.layers] for replica in replicas]
        return [{key: _mean([s[i][key] for s in states]) for key in state} for i, state in enumerate(states[0])]

    def state_dict(self) -> dict[str, Any]:
        """All that training on needs, between epochs."""
        layers = [layer for replica in self.replicas for layer in replica.layers]
        kept = {
            "state": self.state,
            "weights": [layer.module.state_dict() for layer in layers],
            "counts": [(layer.updates, layer.averages) for layer in layers],
            "optimizers": [{w: o.state_dict() for w, o in layer.optimizers.items()} for layer in layers],
        }
        return copy.deepcopy(kept)

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        saved = copy.deepcopy(saved)
        self.state = saved["state"]
        for i, layer in enumerate(layer for replica in self.replicas for layer in replica.layers):
            layer.module.load_state_dict(saved["weights"][i])
            layer.updates, layer.averages = saved["counts"][i]
            layer.optimizers, layer.leaves = {}, {}
            for worker, state in saved["optimizers"][i].items():
                first = not layer.optimizers
                optimizer = self._optimizer(layer, worker)
                if first or not self.shared_momentum:
                    optimizer.load_state_dict(state)


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    if len(tensors) == 1 or not tensors[0].is_floating_point():
        return tensors[0].clone()
    return torch.stack(list(tensors)).mean(0)
