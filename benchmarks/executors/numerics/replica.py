"""A replica of the network with its tensors: layers, batches in flight, gradients.

ModuleCopy. A layer's parameters live once per replica, and all batches in flight compute with these leaves; nothing is
ever accumulated in their `.grad`. Optimizers update through *aliases*: leaves of their own whose `.data` is the same
storage. So an update in place is seen by all, while autograd's version check, which is per leaf, stays out of the way:
on purpose, since a backward pass that uses weights newer than its forward pass is what asynchronous layer-wise SGD is
(A, Algorithm 1: theta^v and theta^u). A batch that pins weights computes with copies of its own (a Slot).

On CUDA every batch in flight has a stream, and leaves of its own on the same storage: autograd's node of a leaf
remembers the stream of the first graph that uses it, and batches that shared one would wait for each other. Kernels are
ordered layer by layer (`Order`): weights, momentum with them, and running statistics. With `lock_free` weights are not.
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import Gradient, Layer, Replica, Step
from benchmarks.executors.numerics.conflicts import AccessCounter, Shadow, WeightRead, WeightWrite
from benchmarks.executors.numerics.streams import NO_CONTEXT, BatchStream, DeviceStreams, Order


def alias(tensor: Tensor) -> nn.Parameter:
    """Returns a new leaf that shares the tensor's storage and attributes."""
    leaf = nn.Parameter(torch.empty(0, device=tensor.device), requires_grad=True)
    leaf.data = tensor.data
    leaf.__dict__.update(tensor.__dict__)
    return leaf


class TorchLayer(Layer):
    """One layer of one replica: the live weights, their optimizers, the counts of what changed them.

    Whoever writes the weights holds `mutex`, who copies them to pin them `pinning`; BatchNorm's running statistics are
    written under `statistics`. `reading` and `reading_statistics` order other reads on the device; elsewhere they are
    nothing, since a pass may see half of an update. concurrent: threads share it, so that conflicts are looked for.
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
        self.optimizers: dict[str, torch.optim.Optimizer] = {}  # by worker
        self.leaves: dict[str, list[nn.Parameter]] = {}  # theirs, in the order of params
        self.stepped = False  # whether a first step has made the optimizers' state
        self.statistics: AbstractContextManager[object] = threading.Lock()
        super().__init__(name, index, sum(p.numel() for p in self.params), device)
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
        self.optimizers, self.leaves, self.stepped = {}, {}, False

    def reading_weights(self) -> AbstractContextManager[None]:
        """Returns a context that counts a read of the live weights; entered within the locks that the read takes."""
        return WeightRead(self.access_counter) if self.concurrent else NO_CONTEXT

    def writing_weights(self, *, update: bool) -> AbstractContextManager[None]:
        """Returns a context that counts a change of the weights. update: an optimizer's, else an average's."""
        return WeightWrite(self.access_counter, update=update) if self.concurrent else NO_CONTEXT


@dataclass(eq=False)
class TorchReplica(Replica):
    """A copy of the network on one device, with slots for its batches: all on CUDA, else those that pin weights."""

    layers: Sequence[TorchLayer] = field(default_factory=list, repr=False)
    streams: DeviceStreams | None = None  # where every batch in flight has one of its own
    slots: list[Slot] = field(default_factory=list, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def slot_for(self, step: TorchStep) -> Slot:
        """Returns a slot whose last step is gone, the one unused for longest, or else a new one."""
        with self.lock:
            slot = next((slot for slot in self.slots if slot.holder() is None), None)
            if slot is None:
                slot = Slot(self)
            else:
                self.slots.remove(slot)
            self.slots.append(slot)
            slot.holder = weakref.ref(step)
            return slot


class ModuleCopy:
    """A copy of a layer's module with leaves of its own, sharing the live buffers."""

    def __init__(self, module: nn.Module, leaf: Callable[[Tensor], Tensor]) -> None:
        """leaf: makes the tensor that replaces a parameter."""
        leaves = {id(p): leaf(p) for p in module.parameters()}
        shared = {id(b): b for b in module.buffers()}
        self.module = copy.deepcopy(module, {**leaves, **shared})
        self.leaves = list(self.module.parameters())


class Slot:
    """Place of one batch in flight: on CUDA a stream and leaves; copies of the weights that it pins.

    The next batch in the slot has the same stream, so its kernels come after the last one's.
    """

    def __init__(self, replica: TorchReplica) -> None:
        self.holder: Callable[[], TorchStep | None] = lambda: None
        self.stream = NO_CONTEXT if replica.streams is None else BatchStream(replica.streams)
        self.live = [] if replica.streams is None else [ModuleCopy(layer.module, alias) for layer in replica.layers]
        self.copies: dict[int, ModuleCopy] = {}

    def pin(self, layer: TorchLayer) -> None:
        """Copies the layer's weights as they are now, into the same storage every time. The caller holds `pinning`.

        The storage stays, since cuDNN wants an LSTM's weights in one piece, which `.data = ...` would break.
        """
        if layer.index not in self.copies:
            self.copies[layer.index] = copied = ModuleCopy(layer.module, _copy)
            for part in copied.module.modules():
                if isinstance(part, nn.RNNBase):
                    part.flatten_parameters()
        for leaf, live in zip(self.copies[layer.index].leaves, layer.params, strict=True):
            leaf.data.copy_(live.data)


def _copy(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.data.clone())


class TorchStep(Step):
    """One batch on its way: inputs (B, ...) and targets, labels (B,) or tokens (B, T).

    activation: input of the next layer. tape: per layer the input and output of its forward pass, until the backward
    pass uses them up. upstream: gradient of the loss by the output of the layer whose backward pass is next.
    """

    __slots__ = ("activation", "slot", "stream", "tape", "targets", "upstream")

    activation: Tensor
    targets: Tensor
    replica: TorchReplica

    def __init__(self, replica: TorchReplica, index: int) -> None:
        super().__init__(replica, index)
        self.slot = None if replica.streams is None else replica.slot_for(self)
        self.stream: AbstractContextManager[None] = NO_CONTEXT if self.slot is None else self.slot.stream
        self.tape: list[tuple[Tensor, Tensor] | None] = [None] * len(replica.layers)
        self.upstream: Tensor | None = None

    def module(self, layer: TorchLayer) -> nn.Module:
        """Returns the module that this batch computes the layer with."""
        copied = self._copy_of(layer)
        return layer.module if copied is None else copied.module

    def leaves(self, layer: TorchLayer) -> list[nn.Parameter]:
        """Returns the parameters of that module."""
        copied = self._copy_of(layer)
        return layer.params if copied is None else copied.leaves

    def _copy_of(self, layer: TorchLayer) -> ModuleCopy | None:
        """Returns the batch's own copy of the layer, where it has one."""
        slot = self.slot
        if slot is None:
            return None
        if layer.index in self.pinned:
            return slot.copies[layer.index]
        return slot.live[layer.index] if slot.live else None


@dataclass(slots=True)
class TorchGradient(Gradient):
    """The gradient of one layer for one step, a tensor for each of the layer's parameters."""

    layer: TorchLayer
    tensors: tuple[Tensor, ...] = ()  # one for each of the layer's parameters
    weights: list[Tensor] | None = None  # overwrite: the worker's copy, theta_{m,k}
    stream: AbstractContextManager[object] = NO_CONTEXT  # the batch's, where it has one
    copied: int = 0  # overwrite: the writes that are in that copy
    clip_factor: Tensor | None = None  # of all gradients of its update; None: it is clipped alone, if at all
