"""A replica of the network with its tensors, and batches on their way through it.

A batch that pins weights computes with copies of its own (a Slot).

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

from torch import Tensor, nn

from benchmarks.executors.accounting import Replica, Step
from benchmarks.executors.numerics.layer import TorchLayer, alias
from benchmarks.executors.numerics.streams import NO_CONTEXT, BatchStream, DeviceStreams


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
    """A copy of a layer's module with leaves of its own, sharing the live buffers.

    leaf: makes the tensor that replaces a parameter.
    """

    def __init__(self, module: nn.Module, leaf: Callable[[Tensor], Tensor]) -> None:
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
            self.copies[layer.index] = copied = ModuleCopy(layer.module, lambda p: nn.Parameter(p.data.clone()))
            for part in copied.module.modules():
                if isinstance(part, nn.RNNBase):
                    part.flatten_parameters()
        for leaf, live in zip(self.copies[layer.index].leaves, layer.params, strict=True):
            leaf.data.copy_(live.data)


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
        if self.slot is None:
            return None
        if layer.index in self.pinned:
            return self.slot.copies[layer.index]
        return self.slot.live[layer.index] if self.slot.live else None
