"""Costs of effects in simulated seconds, on the devices and links of a hardware card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, log2
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from benchmarks.hardware.delays import Delay


@dataclass(frozen=True)
class EffectSeconds:
    """Measured seconds of a batch's other effects, charged to the worker that carries them out.

    next_batch: loading one batch. update, snapshot: per layer. all_reduce: per layer and member of the group. average:
    of the whole network, per member. message: one end of a hand-over between workers of one machine, charged only where
    they share one.
    """

    next_batch: float
    loss: float
    update: Sequence[float]
    snapshot: Sequence[float]
    all_reduce: Sequence[float]
    average: float
    message: float = 0.0


@dataclass(frozen=True)
class Activations:
    """Bytes of one batch, per layer.

    kept: what the backward pass needs of the forward pass; output: the layer's output.
    """

    kept: Sequence[float]
    output: Sequence[float]


@dataclass(frozen=True)
class Sizes:
    """Bytes of what goes from device to device. layers: of each one's parameters; activations: None: uncharged."""

    layers: Sequence[float]
    activations: Activations | None = None

    LOSS_BYTES = 4.0  # what A's forward thread sends (Algorithm 1: send(L_i))

    def batch(self, cut: int | None = None) -> float:
        """Returns the bytes of a batch sent to another device: its loss and, where they are charged, its activations.

        cut: the layer after which a pipeline stage ends: only that layer's output (or its gradient) is sent. None: all
        that the backward pass needs.
        """
        if self.activations is None:
            return self.LOSS_BYTES
        return self.LOSS_BYTES + (sum(self.activations.kept) if cut is None else self.activations.output[cut])


@dataclass(frozen=True)
class Nodes:
    """Groups of devices: 0 to `devices` - 1 are the first node, and so on. A node has one link to all others."""

    devices: int
    latency_seconds: float
    bytes_per_second: float

    def of(self, device: int) -> int:
        """Returns the number of the device's node."""
        return device // self.devices


@dataclass(frozen=True)
class Price:
    """Seconds of a batch's passes per layer, and the costs of links and updates.

    forward, backward_inputs, backward_weights: seconds per layer. parameter_bytes: per layer. A transfer costs
    latency_seconds + bytes / bytes_per_second; within a device it is free. An update costs update_latency_seconds +
    bytes / update_bytes_per_second, and a transfer if its gradients come from another device. lanes: effects that a
    device carries out at once. lane_capacity: how many of them run at full speed; one that starts when n are under way,
    itself included, takes max(1, n / lane_capacity) times as long. delays: stragglers among the devices. effects:
    measured seconds; None: loading and the loss are free, and updates and snapshots cost what the card says for their
    bytes. activations: what goes with a batch to another device; None: that is free. nodes: whose links cost more
    between them; None: all devices are one node. collective: how an all-reduce is carried out. queues: a device
    receives one message at a time, and so does a node from all others; else any number of messages is under way at
    once, each at the full rate. factors: multiply the seconds of passes, device by device; a device beyond them has 1.
    """

    forward: Sequence[float]
    backward_inputs: Sequence[float]
    backward_weights: Sequence[float]
    parameter_bytes: Sequence[float]
    latency_seconds: float = 0.0
    bytes_per_second: float = inf
    update_latency_seconds: float = 0.0
    update_bytes_per_second: float = inf
    lanes: int = 1
    lane_capacity: float = 1.0
    delays: Sequence[Delay] = ()
    effects: EffectSeconds | None = None
    activations: Activations | None = None
    nodes: Nodes | None = None
    collective: Literal["ring", "tree"] = "ring"
    queues: bool = False
    factors: Sequence[float] = ()

    @classmethod
    def uniform(cls, layers: int, forward: float, backward: float) -> Price:
        """Returns an ideal device's price: f and b seconds a pass, alike for all layers, all else free.

        For tests of the laws.
        """
        f, b = forward / layers, backward / layers
        return cls([f] * layers, [b / 2] * layers, [b / 2] * layers, [0.0] * layers)

    @property
    def forward_seconds(self) -> float:
        """Returns the seconds of one batch's forward pass through all layers."""
        return sum(self.forward)

    @property
    def backward_seconds(self) -> float:
        """Returns the seconds of one batch's backward pass through all layers, for inputs and weights."""
        return sum(self.backward_inputs) + sum(self.backward_weights)

    def factor(self, device: int) -> float:
        """The factor of the seconds of a device's passes."""
        return self.factors[device] if device < len(self.factors) else 1.0

    def paced(self, step_seconds: float) -> Price:
        """A copy whose forward and backward pass take so many seconds together, in the same proportions."""
        by = step_seconds / (self.forward_seconds + self.backward_seconds)
        forward, inputs, weights = (
            [seconds * by for seconds in passes]
            for passes in (self.forward, self.backward_inputs, self.backward_weights)
        )
        return replace(self, forward=forward, backward_inputs=inputs, backward_weights=weights)

    def backward(self, layer: int, *, weights: bool, inputs: bool) -> float:
        """Returns the seconds of one layer's backward pass, for its weights, its inputs or both."""
        return self.backward_weights[layer] * weights + self.backward_inputs[layer] * inputs

    def delay(self, device: int, n: int) -> float:
        """Returns the seconds that the device loses before the n-th step begun on it."""
        steps = sum(delay.before(n) for delay in self.delays if delay.device == device)
        return steps * (self.forward_seconds + self.backward_seconds) * self.factor(device)

    @property
    def sizes(self) -> Sizes:
        """The bytes that are charged."""
        return Sizes(self.parameter_bytes, self.activations)

    def apart(self, first: int, second: int) -> bool:
        """Returns whether two devices are on different nodes."""
        return self.nodes is not None and self.nodes.of(first) != self.nodes.of(second)

    def latency(self, *, apart: bool = False) -> float:
        """Returns the seconds of a message of no size. apart: to another node."""
        return self.nodes.latency_seconds if apart and self.nodes is not None else self.latency_seconds

    def sending(self, size: float, *, apart: bool = False) -> float:
        """Returns the seconds for which a message of so many bytes occupies the link."""
        return size / (self.nodes.bytes_per_second if apart and self.nodes is not None else self.bytes_per_second)

    def transfer(self, size: float, *, apart: bool = False) -> float:
        """Returns the seconds of so many bytes from one device to another."""
        return self.latency(apart=apart) + self.sending(size, apart=apart)

    def update(self, layers: Sequence[int], *, sent: float | None = None, apart: bool = False) -> float:
        """Returns the seconds of one update of these layers.

        sent: bytes that come from another device, None where nothing does; apart: from another node.

        One launch for all of them, or the sum of the layers' measured seconds.
        """
        size = sum(self.parameter_bytes[i] for i in layers)
        if self.effects is not None:
            local = sum(self.effects.update[i] for i in layers)
        else:
            local = self.update_latency_seconds + size / self.update_bytes_per_second
        return local + (0.0 if sent is None else self.transfer(sent, apart=apart))

    def accumulate(self, layers: Sequence[int]) -> float:
        """Seconds of adding up gradients, each of the layer that is named for it: in one launch, as an update.

        Where it was measured, that of a mean of as many members. One alone costs nothing.
        """
        if len(layers) < 2:
            return 0.0
        if self.effects is not None:
            return sum(self.effects.all_reduce[i] for i in layers)
        return self.update_latency_seconds + sum(self.parameter_bytes[i] for i in layers) / self.update_bytes_per_second

    def snapshot(self, layer: int) -> float:
        """Returns the seconds of copying one layer's weights."""
        return self.effects.snapshot[layer] if self.effects is not None else self.update([layer])

    def next_batch(self) -> float:
        """Returns the seconds of loading a batch."""
        return self.effects.next_batch if self.effects is not None else 0.0

    def loss(self) -> float:
        """Returns the seconds of the loss and its gradient."""
        return self.effects.loss if self.effects is not None else 0.0

    def reduction(self, layers: Sequence[int], members: int, *, weights: bool) -> float:
        """Returns a device's seconds of computing a mean, of gradients or of weights; sending is all_reduce's."""
        if self.effects is None:
            return 0.0
        return members * (self.effects.average if weights else sum(self.effects.all_reduce[i] for i in layers))

    def all_reduce(self, layers: Sequence[int], members: int, nodes: int = 1) -> float:
        """Returns the seconds of an all-reduce over `nodes` nodes, from the last arrival on, on idle links.

        ring: 2 (Q - 1) messages of 1 / Q of the bytes each, one after the other. Over several nodes the slowest link
        sets the pace, and of the hops 2 (nodes - 1) are between nodes. tree: two binary trees over the nodes, with a
        chain of devices in each (over the devices, where all are one node), pipelined: the bytes up and down once, a
        hop's latency per level (Sanders, Speck and Träff, 2009). Latencies are counted as in NCCL's own model
        (src/graph/tuning.cc).
        """
        size = sum(self.parameter_bytes[i] for i in layers)
        if self.collective == "ring" and nodes == 1:
            return 2 * (members - 1) * (self.latency_seconds + size / members / self.bytes_per_second)
        if members == 1:
            return 0.0
        within, between = self.latency(), self.latency(apart=True)
        slowest = max(self.sending(size), self.sending(size, apart=nodes > 1))
        if self.collective == "ring":
            hops, across = 2 * (members - 1), 2 * (nodes - 1)
            return (hops - across) * within + across * between + hops / members * slowest
        chain = 0 if self.nodes is None else ceil(members / nodes) - 1
        levels = ceil(log2(members)) * within if self.nodes is None else ceil(log2(nodes)) * between
        return 2 * (levels + chain * within + slowest)

    def all_gather(self, size: float, members: int, nodes: int = 1) -> float:
        """Returns the seconds in which each of the members gets all others' bytes, in a ring of Q - 1 hops.

        size: of the largest one's, which sets the pace.
        """
        hops, across = members - 1, min(nodes, members) - 1
        slowest = max(self.sending(size), self.sending(size, apart=nodes > 1))
        return (hops - across) * self.latency() + across * self.latency(apart=True) + hops * slowest
