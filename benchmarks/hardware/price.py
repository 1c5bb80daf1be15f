"""Prices of effects: simulated seconds, and bytes, on the devices and links of a hardware card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, log2
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from benchmarks.hardware.delays import Absence, Delay
    from methods.effects import Codec


Seconds = Annotated[float, Field(ge=0)]


class MeasuredEffects(BaseModel):
    """Seconds of a batch's effects other than its passes, as `calibrate` measured them.

    They are charged to the worker that carries them out. next_batch: loading one batch. update, snapshot: per layer.
    all_reduce: per layer and member of the group. average: of the whole network, per member. message: one end of a
    hand-over between workers that share one machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    next_batch_seconds: Seconds
    loss_seconds: Seconds
    update_seconds: tuple[Seconds, ...]
    snapshot_seconds: tuple[Seconds, ...]
    all_reduce_seconds: tuple[Seconds, ...]
    average_seconds: Seconds
    message_seconds: Seconds = 0.0


@dataclass(frozen=True)
class Activations:
    """Bytes of one batch, per layer. kept: for the backward pass. output: of the layer's output."""

    kept: Sequence[float]
    output: Sequence[float]


@dataclass(frozen=True)
class Sizes:
    """Bytes of messages between devices. layers: of each layer's parameters. activations: None: they are free."""

    layers: Sequence[float]
    activations: Activations | None = None

    LOSS_BYTES = 4.0  # what A's forward thread sends (Algorithm 1: send(L_i))

    def batch(self, cut: int | None = None) -> float:
        """Returns the bytes of a batch sent to another device: its loss and, where they are charged, its activations.

        cut: the layer after which a pipeline stage ends: only its output (or the gradient of that) is sent. None: all
        activations that the backward pass needs.
        """
        if self.activations is None:
            return self.LOSS_BYTES
        return self.LOSS_BYTES + (sum(self.activations.kept) if cut is None else self.activations.output[cut])


VALUE_BYTES, INDEX_BYTES = 4, 4  # of an entry of a gradient, and of its place in the layer


def top_k_entries(codec: Codec, size: int) -> int:
    """Returns how many of a layer's `size` entries top-k keeps: the nearest to its share, one at least."""
    return min(size, max(1, round(codec.share * size)))


def encoded_bytes(codec: Codec, size: float) -> float:
    """Returns the bytes that are sent of a layer whose parameters have so many.

    Top-k: a value and an index an entry; signs: a bit an entry and the layer's scale; int8: a byte an entry and the
    scale. Raises ValueError where there is no such codec.
    """
    count = round(size / VALUE_BYTES)
    if not count:
        return 0.0
    match codec.name:
        case "topk":
            return float(top_k_entries(codec, count) * (VALUE_BYTES + INDEX_BYTES))
        case "sign":
            return float(ceil(count / 8) + VALUE_BYTES)
        case "int8":
            return float(count + VALUE_BYTES)
    raise ValueError(f"{codec.name!r} is no codec; there are topk, sign and int8")


class Link(NamedTuple):
    """A link between two devices."""

    latency_seconds: float
    bytes_per_second: float

    def sending(self, size: float) -> float:
        """Returns the seconds for which a message of `size` bytes occupies the link."""
        return size / self.bytes_per_second

    def seconds(self, size: float) -> float:
        """Returns the seconds of a message of `size` bytes, latency included."""
        return self.latency_seconds + self.sending(size)


@dataclass(frozen=True)
class Nodes:
    """Groups of devices: 0 to `devices` - 1 are the first node, and so on.

    A node has one link to all others; or, with `pairs`, one to each: pairs[a][b] is that from a to b, pairs[a][a] that
    within a. servers: the node of devices beyond the last one of `pairs`.
    """

    devices: int
    latency_seconds: float = 0.0
    bytes_per_second: float = inf
    pairs: Sequence[Sequence[Link]] = ()
    servers: int = 0

    def of(self, device: int) -> int:
        """Returns the number of the device's node."""
        node = device // self.devices
        return self.servers if self.pairs and node >= len(self.pairs) else node


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
    absent: when devices are away.
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
    effects: MeasuredEffects | None = None
    activations: Activations | None = None
    nodes: Nodes | None = None
    collective: Literal["ring", "tree"] = "ring"
    queues: bool = False
    factors: Sequence[float] = ()
    absent: Sequence[Absence] = ()

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
        """Returns the factor of the seconds of a device's passes."""
        return self.factors[device] if device < len(self.factors) else 1.0

    def paced(self, step_seconds: float) -> Price:
        """Returns a copy whose forward and backward pass together take `step_seconds`, in the same proportions."""
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

    def link(self, first: int, second: int) -> Link:
        """Returns the link from one device to another."""
        if (nodes := self.nodes) is not None:
            giver, getter = nodes.of(first), nodes.of(second)
            if nodes.pairs:
                return nodes.pairs[giver][getter]
            if giver != getter:
                return Link(nodes.latency_seconds, nodes.bytes_per_second)
        return Link(self.latency_seconds, self.bytes_per_second)

    def port(self, first: int, second: int) -> tuple[str, int, int]:
        """Returns the port that takes one message at a time, where messages queue, on the way between two devices.

        Within a node that is the receiving device; between nodes the receiving node, or the link between the two if
        each pair has its own.
        """
        if (nodes := self.nodes) is not None and nodes.of(first) != nodes.of(second):
            return "node", nodes.of(first) if nodes.pairs else -1, nodes.of(second)
        return "device", -1, second

    def update(self, layers: Sequence[int], sent: float = 0.0, *links: Link) -> float:
        """Returns the seconds of one update of these layers. sent: bytes over each link, in one message.

        These are one launch for all layers, or the sum of their measured seconds; and those of the slowest link.
        """
        size = sum(self.parameter_bytes[i] for i in layers)
        if self.effects is not None:
            local = sum(self.effects.update_seconds[i] for i in layers)
        else:
            local = self.update_latency_seconds + size / self.update_bytes_per_second
        return local + max((link.seconds(sent) for link in links), default=0.0)

    def accumulate(self, layers: Sequence[int]) -> float:
        """Returns the seconds of adding up gradients: one launch, as for an update. layers: of each gradient.

        Where effects were measured: of a mean of as many members. One gradient alone costs nothing.
        """
        if len(layers) < 2:
            return 0.0
        if self.effects is not None:
            return sum(self.effects.all_reduce_seconds[i] for i in layers)
        return self.update_latency_seconds + sum(self.parameter_bytes[i] for i in layers) / self.update_bytes_per_second

    def snapshot(self, layer: int) -> float:
        """Returns the seconds of copying one layer's weights."""
        return self.effects.snapshot_seconds[layer] if self.effects is not None else self.update([layer])

    def next_batch(self) -> float:
        """Returns the seconds of loading a batch."""
        return self.effects.next_batch_seconds if self.effects is not None else 0.0

    def loss(self) -> float:
        """Returns the seconds of the loss and its gradient."""
        return self.effects.loss_seconds if self.effects is not None else 0.0

    def reduction(self, layers: Sequence[int], members: int, *, weights: bool) -> float:
        """Returns a device's seconds of computing a mean, of gradients or of weights; sending is all_reduce's."""
        if self.effects is None:
            return 0.0
        return members * (
            self.effects.average_seconds if weights else sum(self.effects.all_reduce_seconds[i] for i in layers)
        )

    def all_reduce(self, layers: Sequence[int], devices: Sequence[int]) -> float:
        """Returns the seconds of an all-reduce among these devices, from the last arrival on, on idle links.

        ring: 2 (Q - 1) messages of 1 / Q of the bytes each, one after the other. Over several nodes the slowest link
        sets the pace, and of the hops 2 (nodes - 1) are between nodes; where each pair of nodes has a link of its own,
        the slowest of the ring's sets the pace of every hop, and the ring goes by the devices' numbers. tree: two
        binary trees over the nodes, with a chain of devices in each (over the devices, where all are one node),
        pipelined: the bytes up and down once, a hop's latency per level (Sanders, Speck and Träff, 2009). Latencies are
        counted as in NCCL's own model (src/graph/tuning.cc).
        """
        members, size = len(devices), sum(self.parameter_bytes[i] for i in layers)
        if members == 1:
            return 0.0
        if self.nodes is not None and self.nodes.pairs:
            return 2 * (members - 1) * max(link.seconds(size / members) for link in self._ring(devices))
        link, far, nodes = self._near_and_far(devices)
        if self.collective == "ring" and nodes == 1:
            return 2 * (members - 1) * link.seconds(size / members)
        slowest = max(link.sending(size), far.sending(size) if nodes > 1 else 0.0)
        if self.collective == "ring":
            hops, across = 2 * (members - 1), 2 * (nodes - 1)
            way = (hops - across) * link.latency_seconds + across * far.latency_seconds
            return way + hops / members * slowest
        chain = 0 if self.nodes is None else ceil(members / nodes) - 1
        levels = ceil(log2(members)) if self.nodes is None else ceil(log2(nodes))
        return 2 * (levels * far.latency_seconds + chain * link.latency_seconds + slowest)

    def all_gather(self, size: float, devices: Sequence[int]) -> float:
        """Returns the seconds of a ring of Q - 1 hops, after which each device has the bytes of all.

        size: bytes of the largest contribution, which sets the pace.
        """
        hops = len(devices) - 1
        if self.nodes is not None and self.nodes.pairs:
            return hops * max((link.seconds(size) for link in self._ring(devices)), default=0.0)
        near, far, nodes = self._near_and_far(devices)
        across = nodes - 1
        slowest = max(near.sending(size), far.sending(size) if across else 0.0)
        return (hops - across) * near.latency_seconds + across * far.latency_seconds + hops * slowest

    def _ring(self, devices: Sequence[int]) -> list[Link]:
        """Returns the links of a ring of the devices, in the order of their numbers."""
        order = sorted(devices)
        return [self.link(giver, getter) for giver, getter in zip(order, [*order[1:], order[0]], strict=True)]

    def _near_and_far(self, devices: Sequence[int]) -> tuple[Link, Link, int]:
        """Returns the link within a node, the link between nodes, and the number of nodes that the devices are on."""
        link = Link(self.latency_seconds, self.bytes_per_second)
        if self.nodes is None:
            return link, link, 1
        far = Link(self.nodes.latency_seconds, self.nodes.bytes_per_second)
        return link, far, len({self.nodes.of(device) for device in devices})
