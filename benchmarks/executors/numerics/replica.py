"""A replica of the network with its tensors: layers, batches in flight, gradients.

Weights. A layer's parameters live once per replica, and all batches in flight compute with these leaves; nothing is
ever accumulated in their `.grad`. Optimizers update through *aliases*: leaves of their own whose `.data` is the same
storage. So an update in place is seen by all, while autograd's version check, which is per leaf, stays out of the way:
on purpose, since a backward pass that uses weights newer than its forward pass is what asynchronous layer-wise SGD is
(A, Algorithm 1: theta^v and theta^u). A batch that pins weights computes with copies of its own (a Slot).
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from benchmarks.executors.accounts import DryGradient, DryLayer, DryReplica, DryStep
from benchmarks.executors.numerics.streams import Ordered, Stream


def alias(tensor: Tensor) -> nn.Parameter:
    """A leaf of its own on the tensor's storage."""
    leaf = nn.Parameter(torch.empty(0, device=tensor.device), requires_grad=True)
    leaf.data = tensor.data
    return leaf


class TorchLayer(DryLayer):
    """One layer of one replica: the live weights, their optimizers, the counts of what changed them."""

    def __init__(self, name: str, index: int, module: nn.Module, device: int, *, lock_free: bool) -> None:
        self.module = module.train()
        self.params = list(module.parameters())
        self.buffers = [b for b in module.buffers() if b.is_floating_point()]
        self.optimizers: dict[str, torch.optim.Optimizer] = {}  # by worker
        self.leaves: dict[str, list[nn.Parameter]] = {}  # theirs, in the order of params
        self.statistics = threading.Lock()
        super().__init__(name, index, sum(p.numel() for p in self.params), device)
        if lock_free:
            self.mutex = nullcontext()
        elif self.params and self.params[0].is_cuda:
            self.mutex = Ordered(self.mutex, self.params[0].device)


@dataclass(eq=False)
class TorchReplica(DryReplica):
    """A copy of the network on one device, and the slots of batches that pin weights."""

    streams: bool = False  # on CUDA, a stream per batch in flight
    slots: list[Slot] = field(default_factory=list, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def slot_for(self, step: TorchStep) -> Slot:
        """A free slot, one whose last step nobody holds any more; a new one when there is none."""
        with self.lock:
            for slot in self.slots:
                if slot.holder() is None:
                    slot.pinned.clear()
                    break
            else:
                slot = Slot(self)
                self.slots.append(slot)
            slot.holder = weakref.ref(step)
            return slot


class Slot:
    """The network's modules over again, for one batch that pins weights: own copies of these, the live buffers."""

    def __init__(self, replica: TorchReplica) -> None:
        self.holder: Callable[[], TorchStep | None] = lambda: None
        self.pinned: set[int] = set()
        self.modules = [_copied(layer.module) for layer in replica.layers]

    def pin(self, layer: TorchLayer) -> None:
        """Copy the layer's weights as they are now; its mutex is held."""
        for leaf, live in zip(self.modules[layer.index].parameters(), layer.params, strict=True):
            leaf.data = live.data.clone()
        self.pinned.add(layer.index)


def _copied(module: nn.Module) -> nn.Module:
    """A copy with leaves of its own, whose buffers are the same tensors."""
    return copy.deepcopy(module, {id(buffer): buffer for buffer in module.buffers()})


class TorchStep(DryStep):
    """One batch on its way: images (B, C, H, W) or tokens (B, length), labels (B,).

    activation: what the next layer takes. tape: per layer, input and output of its forward pass until its backward
    pass uses them. upstream: the loss's gradient with respect to the output of the layer whose backward pass is next.
    """

    __slots__ = ("activation", "labels", "slot", "stream", "tape", "upstream")

    def __init__(self, replica: TorchReplica, index: int, images: Tensor, labels: Tensor) -> None:
        super().__init__(replica, index)
        self.activation, self.labels = images, labels
        self.slot: Slot | None = None
        self.stream = Stream(images.device if replica.streams else None)
        self.tape: list[tuple[Tensor, Tensor] | None] = [None] * len(replica.layers)
        self.upstream: Tensor | None = None

    def pins(self, layer: TorchLayer) -> bool:
        return self.slot is not None and layer.index in self.slot.pinned

    def module(self, layer: TorchLayer) -> nn.Module:
        """What this batch computes the layer with."""
        return self.slot.modules[layer.index] if self.slot is not None and self.pins(layer) else layer.module


@dataclass(slots=True)
class TorchGradient(DryGradient):
    """The gradient of one layer for one step."""

    tensors: tuple[Tensor, ...] = ()  # one for each of the layer's parameters
    weights: list[Tensor] | None = None  # overwrite: the worker's copy, theta_{m,k}
    stream: Stream | None = None
