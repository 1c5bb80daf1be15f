"""One layer with its tensors: who reads and writes its weights, and how gradients change them.

A layer's parameters live once per replica, and all batches in flight compute with these leaves; nothing is ever
accumulated in their `.grad`. Optimizers update through *aliases*: leaves of their own whose `.data` is the same
storage. So an update in place is seen by all, while autograd's version check, which is per leaf, stays out of the way:
on purpose, since a backward pass that uses weights newer than its forward pass is what asynchronous layer-wise SGD is
(A, Algorithm 1: theta^v and theta^u).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import Gradient, Layer
from benchmarks.executors.counts import LayerConflicts
from benchmarks.executors.numerics.streams import NO_CONTEXT, DeviceStreams, Order

OptimizerFactory = Callable[[Sequence[Tensor]], torch.optim.Optimizer]


class TorchLayer(Layer):
    """One layer of one replica: the live weights, their optimizers, and counts of what changed them.

    Writers of the weights hold `mutex`; `pinning` is held to copy them for a batch that pins them. BatchNorm's running
    statistics are written under `statistics`. `reading` and `reading_statistics` order other reads on the device; where
    there are no streams they do nothing, since a pass may see half of an update.

    concurrent: threads share the layer, so that conflicts are counted.
    """

    def __init__(
        self,
        name: str,
        index: int,
        module: nn.Module,
        device: int,
        *,
        lock_free: bool,
        streams: DeviceStreams | None,
        concurrent: bool = False,
    ) -> None:
        self.module = module.train()
        self.params = list(module.parameters())
        self.buffers = [b for b in module.buffers() if b.is_floating_point()]
        super().__init__(name, index, sum(p.numel() for p in self.params), device)
        self.forget_optimizers()
        self.statistics: AbstractContextManager[object] = threading.Lock()
        if lock_free:
            self.mutex = NO_CONTEXT
        self.pinning: AbstractContextManager[object] = self.mutex
        self.reading: AbstractContextManager[object] = NO_CONTEXT
        self.reading_statistics: AbstractContextManager[object] = NO_CONTEXT
        if streams is not None and self.params and not lock_free:
            weights = Order(streams, self.mutex)
            self.mutex, self.pinning, self.reading = weights.writing(), weights.reading(), weights.reading()
        if streams is not None and any(True for _ in module.buffers()):
            running = Order(streams, self.statistics)
            self.statistics, self.reading_statistics = running.writing(), running.reading()
        self.concurrent = concurrent and bool(self.params)
        self.shadow = Shadow(self.params[0].device) if lock_free and self.concurrent else None
        self.access_counter = AccessCounter(self.shadow)

    def forget_optimizers(self) -> None:
        """Lets the next update begin with new optimizers, without a state. The caller holds the mutex."""
        self.optimizers: dict[str, torch.optim.Optimizer] = {}  # by worker
        self.leaves: dict[str, list[nn.Parameter]] = {}  # of each worker's optimizer, in the order of params
        self.stepped = False  # whether a first step has made the optimizers' state

    def reading_weights(self) -> AbstractContextManager[None]:
        """Returns a context that counts a read of the live weights; entered within the locks that the read takes."""
        return self.access_counter.reading() if self.concurrent else NO_CONTEXT

    def writing_weights(self, *, update: bool) -> AbstractContextManager[None]:
        """Returns a context that counts a change of the weights. update: an optimizer's, else an average's."""
        return self.access_counter.writing(update=update) if self.concurrent else NO_CONTEXT


def alias(tensor: Tensor) -> nn.Parameter:
    """Returns a new leaf that shares the tensor's storage and attributes."""
    leaf = nn.Parameter(torch.empty(0, device=tensor.device), requires_grad=True)
    leaf.data = tensor.data
    leaf.__dict__.update(tensor.__dict__)
    return leaf


@dataclass(slots=True)
class TorchGradient(Gradient):
    """The gradient of one layer for one step.

    tensors: one for each of the layer's parameters; of a pseudo-gradient then the float buffers, where these are
    averaged. stream: the batch's. weights: with `overwrite` the worker's copy, theta_{m,k}; copied: the writes that are
    in that copy. clip_factor: of all gradients of its update; None: it is clipped alone, if at all.
    """

    layer: TorchLayer
    tensors: tuple[Tensor, ...] = ()
    weights: list[Tensor] | None = None
    stream: AbstractContextManager[object] = NO_CONTEXT
    copied: int = 0
    clip_factor: Tensor | None = None


# ---- updates


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
    """Applies gradients by torch optimizers: one for each worker and layer. learning_rate: global ticket -> rate.

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
            # Fused steps go through memory in order, where a mean of gradients may be laid out otherwise.
            leaf.grad = tensor if tensor.stride() == leaf.stride() else torch.empty_like(leaf).copy_(tensor)
        if layer.stepped:
            optimizer.step()
        else:
            with self._lock:  # even with lock_free: nobody may see the half of a state that others share
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

    def state_keys(self, layer: TorchLayer) -> list[tuple[str, int]]:
        """Returns (name, parameter index) of each state tensor that has its parameter's shape, such as momentum."""
        if layer.index not in self._state_keys:
            probes = [nn.Parameter(torch.zeros([2] * max(1, p.ndim))) for p in layer.params]
            for probe, p in zip(probes, layer.params, strict=True):
                probe.__dict__.update(p.__dict__)
                probe.grad = torch.zeros_like(probe)
            optimizer = self.optimizer(probes)
            optimizer.step()
            self._state_keys[layer.index] = sorted(
                (key, i)
                for i, probe in enumerate(probes)
                for key, value in optimizer.state.get(probe, {}).items()
                if isinstance(value, Tensor) and value.shape == probe.shape
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


# ---- conflicts: updates that were lost, and reads that saw half of an update
#
# Where effects are events, as on the virtual clock, a read or write is over before the next begins: updates can be lost
# there by overwriting alone, and no read is torn. Between threads both are counted as they happen.

COMPONENTS = 512  # int64: 64 cache lines, so that threads meet in it as they do in the weights
NO_CONFLICTS: LayerConflicts = {
    "lost_updates": 0.0,
    "overlapping_updates": 0,
    "weight_reads": 0,
    "torn_reads": 0,
    "overlapping_reads": 0,
}


class Shadow:
    """Counters on the weights' device that every update increments, without a lock, beside its own step.

    Where two threads (or streams) both read a weight before either has written it, one update is lost. Counters lose
    increments in the same way, and their number is known: the mean loss of the counters estimates the weights'.
    """

    def __init__(self, device: torch.device) -> None:
        self.counters = torch.zeros(COMPONENTS, dtype=torch.int64, device=device)
        self.lock = threading.Lock()
        self.increments = 0

    def clear(self) -> None:
        self.counters.zero_()
        self.increments = 0

    def increment(self) -> None:
        with self.lock:
            self.increments += 1
        self.counters += 1

    def lost(self) -> float:
        """Returns the mean number of increments lost per counter; call it once all updates are over."""
        return self.increments - float(self.counters.double().mean())


@dataclass(eq=False, slots=True)
class Write:
    """A change of the weights under way. number: of all writes, in the order in which they began."""

    number: int
    overlapped: bool


class AccessCounter:
    """Counts the reads and writes of one replica's layer that overlap.

    shadow: where weights are written without a lock.
    """

    def __init__(self, shadow: Shadow | None = None) -> None:
        self.lock = threading.Lock()
        self.begun = 0  # writes by threads
        self.kept = 0  # writes that are in the weights
        self.under_way: list[Write] = []
        self.shadow = shadow
        self.clear()

    def clear(self) -> None:
        """Begins an epoch."""
        self.load(NO_CONFLICTS)

    def load(self, counts: LayerConflicts) -> None:
        """Continues from these counts."""
        self.counted: LayerConflicts = {**counts}  # without the lost updates that the shadow counts from now on
        if self.shadow is not None:
            self.shadow.clear()

    def counts(self) -> LayerConflicts:
        """Returns the counts; correct between effects only, since the shadow counts an update under way as lost."""
        lost = self.shadow.lost() if self.shadow is not None else 0.0
        return {**self.counted, "lost_updates": self.counted["lost_updates"] + lost}

    def count_addition(self) -> None:
        """Counts a write that added to the live weights."""
        with self.lock:
            self.kept += 1

    def count_overwrite(self, copied: int) -> None:
        """Counts an update that wrote its copy over the live weights. copied: how many writes that copy contains."""
        with self.lock:
            self.counted["lost_updates"] += self.kept - copied
            self.kept = copied + 1

    @contextmanager
    def writing(self, *, update: bool) -> Iterator[None]:
        """Counts a change of the weights within the block. update: an optimizer's, else an average's."""
        with self.lock:
            write = Write(self.begun, overlapped=bool(self.under_way))
            for other in self.under_way:
                other.overlapped = True
            self.begun += 1
            self.under_way.append(write)
        try:
            yield
        finally:
            with self.lock:
                self.under_way.remove(write)
                self.counted["overlapping_updates"] += update and write.overlapped

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Counts a read of the weights within the block.

        It is torn if a write lasted longer on both sides, or began and ended within it.
        """
        with self.lock:
            begun, before = self.begun, tuple(self.under_way)
        try:
            yield
        finally:
            with self.lock:
                self.counted["weight_reads"] += 1
                if before or self.begun > begun:
                    lasting = any(write in self.under_way for write in before)
                    unfinished = sum(write.number >= begun for write in self.under_way)
                    self.counted["overlapping_reads"] += 1
                    self.counted["torn_reads"] += lasting or self.begun - begun > unfinished


def total(counts: Iterable[LayerConflicts]) -> LayerConflicts:
    """Returns the sums of several layers' counts."""
    layers = list(counts)
    return {
        "lost_updates": sum((layer["lost_updates"] for layer in layers), 0.0),
        "overlapping_updates": sum(layer["overlapping_updates"] for layer in layers),
        "weight_reads": sum(layer["weight_reads"] for layer in layers),
        "torn_reads": sum(layer["torn_reads"] for layer in layers),
        "overlapping_reads": sum(layer["overlapping_reads"] for layer in layers),
    }
