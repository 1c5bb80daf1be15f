"""Hardware cards: the costs of effects on the virtual clock. One TOML file each, here or where --hardware points."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from benchmarks.errors import UserError, check_printable
from benchmarks.hardware.delays import Absence, Delay, all_away
from benchmarks.hardware.price import Link, MeasuredEffects, Nodes, Price, Seconds
from methods.later import Later, left_out

NOTES_OF_KEPT_RUNS: dict[str, tuple[str, ...]] = {
    "cluster": (
        "Nothing of it was measured here: links are stated rates, which no network reaches in practice.",
        "A node has one link to all others. A device, and a node from others, receives one message at a time.",
    ),
    "paper-a": (
        "Fitted: one link latency, one link bandwidth. Updates on the device itself are free.",
        "LAP-SGD, LPP-SGD and DDP were not fitted: their seconds are held-out predictions.",
    ),
    "paper-a3": (
        "Lanes: as many as PD-ASGD has workers on a device. Capacity: fitted to the quotient of the two published "
        "MFUs, which its table therefore cannot confirm.",
        "The summary names no device: paper-a's is taken. Peak: the A100's stated 156 TFLOP/s in TF32.",
    ),
    "paper-b": (
        "Fitted: per network two MB-SGD rows; of LAP-SGD one row (Table 2, U = 4, B = 128), for the capacity.",
        "All other rows are held-out predictions. Links are free: communication is in what a step costs anyway.",
    ),
}
"""Notes that cards had while notes were part of the fingerprint, which keeps them; a card's file has today's."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _printable(cls, value: Any) -> Any:
        for text in value if isinstance(value, tuple | dict) else (value,):
            if isinstance(text, str):
                check_printable(text)
        return value


class Costs(_Part):
    """The cost of a transfer or update: latency_seconds + bytes / bytes_per_second."""

    latency_seconds: Seconds = 0.0
    bytes_per_second: Annotated[float, Field(gt=0)] = inf


Rate = Annotated[float, Field(gt=0)]


class NodeLinks(_Part):
    """Devices grouped in nodes of `devices`. link: between nodes; the card's own link is within a node.

    Or each pair of nodes has a link: bytes_per_second[a][b] is the rate from node a to node b, [a][a] that within a.
    """

    devices: Annotated[int, Field(ge=1, description="of a node")]
    link: Annotated[Costs, Field(description="of a node to all others")] = Costs()
    bytes_per_second: Annotated[
        tuple[tuple[Rate, ...], ...],
        Later(()),
        Field(description="from each node, a row, to each; within on the diagonal"),
    ] = ()
    latency_seconds: Annotated[
        tuple[tuple[Seconds, ...], ...], Later(()), Field(description="as bytes_per_second; none: no latency")
    ] = ()
    servers: Annotated[
        int, Later(0), Field(ge=0, description="the node of devices beyond all of these nodes, such as a server")
    ] = 0

    @model_validator(mode="after")
    def _square(self) -> Self:
        nodes = len(self.bytes_per_second)
        if not nodes and (self.latency_seconds or self.servers):
            raise ValueError("latency_seconds and servers belong to bytes_per_second, a rate for each pair of nodes")
        if nodes and self.link != Costs():
            raise ValueError("give either link, for all pairs of nodes, or bytes_per_second, for each")
        for name, rows in (("bytes_per_second", self.bytes_per_second), ("latency_seconds", self.latency_seconds)):
            if rows and [len(row) for row in rows] != [nodes] * nodes:
                raise ValueError(f"{name} takes {nodes} rows of {nodes} numbers: from each of {nodes} nodes to each")
        if nodes and self.servers >= nodes:
            raise ValueError(f"servers are in one of the nodes 0 to {nodes - 1}, not {self.servers}")
        return self

    @property
    def pairs(self) -> list[list[Link]]:
        """Returns the link of each pair of nodes, if each has its own."""
        latencies = self.latency_seconds or [[0.0] * len(row) for row in self.bytes_per_second]
        return [list(map(Link, *rows)) for rows in zip(latencies, self.bytes_per_second, strict=True)]


class DeviceSpeeds(_Part):
    """The speeds of devices that are not alike, from device 0 on."""

    factors: Annotated[
        tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...],
        Field(min_length=1, description="of each device's seconds, over the card's or step_seconds"),
    ]
    step_seconds: Annotated[
        float | None,
        Field(gt=0, allow_inf_nan=False, description="of a step, whatever network and batch; none: the card's own"),
    ] = None
    noise: Annotated[
        float,
        Field(ge=0, le=1000, description="of each batch, added: half-normal, its deviation in the device's steps"),
    ] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**32, description="of the noise")] = 0

    @property
    def delays(self) -> tuple[Delay, ...]:
        """Returns the noise, as delays of each device."""
        devices = range(len(self.factors)) if self.noise else ()
        return tuple(Delay(kind="half_normal", device=q, steps=self.noise, seed=self.seed) for q in devices)


class NetworkSeconds(_Part):
    """Seconds of one batch of a network on a device, layer by layer."""

    what: str
    batch: Annotated[int, Field(ge=1)]
    families: Annotated[tuple[str, ...], Field(description="the data sets whose images have this size")] = (
        "cifar10",
        "cifar100",
    )
    stem: str = "cifar"
    fixed_share: Annotated[
        float, Field(ge=0, le=1, description="of the seconds, what a batch costs whatever its size")
    ] = 0.0
    layers: tuple[str, ...]
    forward_seconds: tuple[Seconds, ...]
    backward_input_seconds: tuple[Seconds, ...]
    backward_weight_seconds: tuple[Seconds, ...]
    parameter_bytes: tuple[Seconds, ...]
    effects: MeasuredEffects | None = None
    step_flops: Annotated[
        float | None, Later(None), Field(gt=0, description="of the batch, both passes; none: the paper's network's")
    ] = None

    @model_validator(mode="after")
    def _alike(self) -> NetworkSeconds:
        lists = [self.forward_seconds, self.backward_input_seconds, self.backward_weight_seconds, self.parameter_bytes]
        if (effects := self.effects) is not None:
            lists += [effects.update_seconds, effects.snapshot_seconds, effects.all_reduce_seconds]
        if any(len(values) != len(self.layers) for values in lists):
            raise ValueError("every list needs one value per layer")
        return self


class Card(_Part):
    """A kind of device, and the links between as many of them as a method asks for."""

    name: str
    title: str
    source: str
    notes: tuple[str, ...] = ()
    flops_per_second: Annotated[float, Field(gt=0, description="what the device achieves")]
    peak_flops_per_second: Annotated[float | None, Field(gt=0, description="what it could: of MFU")] = None
    lanes: Annotated[int, Field(ge=1)] = 1
    lane_capacity: Annotated[
        float, Field(ge=1, description="how many effects' worth of work a device does at once")
    ] = 1.0
    link: Costs = Costs()
    update: Costs = Costs()
    delays: Annotated[tuple[Delay, ...], Field(description="stragglers")] = ()
    nodes: Annotated[NodeLinks | None, Later(None), Field(description="none: all devices are one node")] = None
    collective: Annotated[Literal["ring", "tree"], Later("ring"), Field(description="how an all-reduce goes")] = "ring"
    queues: Annotated[
        bool,
        Later(False),
        Field(description="whether a device, and a node from others, receives one message at a time"),
    ] = False
    devices: Annotated[DeviceSpeeds | None, Later(None), Field(description="none: all are alike")] = None
    absent: Annotated[tuple[Absence, ...], Later(()), Field(description="devices that leave and come back")] = ()
    networks: dict[str, NetworkSeconds] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rings(self) -> Self:
        if self.collective == "tree" and self.nodes is not None and self.nodes.bytes_per_second:
            raise ValueError("a tree over links that differ from pair to pair is not priced: take collective = ring")
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Returns a copy, whose digest is its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("sha256", None)
        return copy

    @cached_property
    def sha256(self) -> str:
        """Returns the sha256 of the card's content without its notes: part of a run's identity."""
        content = self.model_dump(exclude=left_out(self)) | {"notes": NOTES_OF_KEPT_RUNS.get(self.name, ())}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Returns the card's notes, and a sentence on contention for links."""
        by_pairs = self.nodes is not None and bool(self.nodes.bytes_per_second)
        if self.queues:
            where = "on the link of their two nodes, or within one " * by_pairs + "where they arrive"
            charged = f"Messages wait for each other {where}; all-reduces are charged as if alone."
        else:
            charged = "Contention for links is not charged."
        pace = ["An all-reduce is a ring by the devices' numbers, at the pace of its slowest link."] * by_pairs
        return self.notes if self.link == Costs() and not by_pairs else (*self.notes, " ".join([charged, *pace]))

    @property
    def _nodes(self) -> Nodes | None:
        if self.nodes is None:
            return None
        link = self.nodes.link
        return Nodes(
            self.nodes.devices, link.latency_seconds, link.bytes_per_second, self.nodes.pairs, self.nodes.servers
        )

    def check_devices(self, computing: int, who: str) -> None:
        """Raises UserError where the card lacks speeds or links for so many devices, or all are absent at once.

        computing: number of devices that compute. who: the method, for the message.
        """
        if (when := all_away(self.absent, computing)) is not None:
            devices = "its only device is" if computing == 1 else f"all {computing} devices are"
            raise UserError(
                f"{who}: {devices} absent {when:g} s after the begin by the hardware card {self.name}: leave one "
                "there, or leave out an absence."
            )
        if self.devices is not None and computing > len(self.devices.factors):
            raise UserError(
                f"{who} computes on {computing} devices, and the hardware card {self.name} has the speeds of "
                f"{len(self.devices.factors)}: give it fewer, or choose another card."
            )
        if self.nodes is not None and 0 < (most := len(self.nodes.bytes_per_second) * self.nodes.devices) < computing:
            raise UserError(
                f"{who} computes on {computing} devices, and the hardware card {self.name} has the links of {most}: "
                "give it fewer, or choose another card."
            )

    def delayed(self, delays: Sequence[Delay]) -> Card:
        """Returns a copy of the card with further stragglers."""
        return self.model_copy(update={"delays": (*self.delays, *delays)}) if delays else self

    def seconds_of(self, network: str, *, family: str, stem: str) -> NetworkSeconds | None:
        """Returns the seconds of a network with this stem on images of this family's size; None where it has none."""
        seconds = self.networks.get(f"{family}-{network}", self.networks.get(network))
        return seconds if seconds is not None and family in seconds.families and stem == seconds.stem else None

    def costs(self, price: Price) -> Price:
        """Returns a copy of the price with this card's links, updates, lanes and devices."""
        speeds = self.devices
        if speeds is not None and speeds.step_seconds is not None:
            price = price.paced(speeds.step_seconds)
        return replace(
            price,
            latency_seconds=self.link.latency_seconds,
            bytes_per_second=self.link.bytes_per_second,
            update_latency_seconds=self.update.latency_seconds,
            update_bytes_per_second=self.update.bytes_per_second,
            lanes=self.lanes,
            lane_capacity=self.lane_capacity,
            delays=self.delays if speeds is None else (*self.delays, *speeds.delays),
            factors=() if speeds is None else speeds.factors,
            nodes=self._nodes,
            collective=self.collective,
            queues=self.queues,
            absent=self.absent,
        )

    def price(self, seconds: NetworkSeconds, layers: Sequence[str] | None = None, *, batch: int | None = None) -> Price:
        """Returns the price of a network's effects.

        layers: names of the layers of the same network with other numbers of blocks, which then share a stage's seconds
        and bytes evenly. batch: of a step, by default the one that the seconds are for. Raises UserError where the
        layers are of other stages.
        """
        shares = _shares(seconds.layers, list(layers or seconds.layers))
        factor = seconds.fixed_share + (1 - seconds.fixed_share) * (batch or seconds.batch) / seconds.batch

        def shared(values: Sequence[float], factor: float = factor) -> list[float]:
            return [sum(values[i] for i in layers_of_stage) / blocks * factor for layers_of_stage, blocks in shares]

        effects = seconds.effects and seconds.effects.model_copy(
            update={
                "next_batch_seconds": seconds.effects.next_batch_seconds * factor,
                "loss_seconds": seconds.effects.loss_seconds * factor,
                "update_seconds": shared(seconds.effects.update_seconds, 1.0),
                "snapshot_seconds": shared(seconds.effects.snapshot_seconds, 1.0),
                "all_reduce_seconds": shared(seconds.effects.all_reduce_seconds, 1.0),
            }
        )
        return self.costs(
            Price(
                shared(seconds.forward_seconds),
                shared(seconds.backward_input_seconds),
                shared(seconds.backward_weight_seconds),
                shared(seconds.parameter_bytes, 1.0),
                effects=effects,
            )
        )

    def seconds_by_flops(self, layers: Sequence[LayerWork], *, what: str, batch: int) -> NetworkSeconds:
        """Returns the seconds of any network, from its FLOPs. what: describes it. batch: that the FLOPs are for.

        A backward pass costs a forward pass's FLOPs for the weights and as many for the inputs, which the first layer
        does not need.
        """
        seconds = tuple(layer.forward_flops / self.flops_per_second for layer in layers)
        return NetworkSeconds(
            what=what,
            batch=batch,
            layers=tuple(layer.name for layer in layers),
            forward_seconds=seconds,
            backward_input_seconds=(0.0, *seconds[1:]),
            backward_weight_seconds=seconds,
            parameter_bytes=tuple(layer.parameter_bytes for layer in layers),
        )


@dataclass(frozen=True)
class LayerWork:
    """One layer's work for one batch: FLOPs of its forward pass, and bytes of its parameters."""

    name: str
    forward_flops: float
    parameter_bytes: float


def by_stages(card_names: Sequence[str], values: Sequence[float], names: Sequence[str]) -> list[float]:
    """Spreads values of the card's layers over a network with other numbers of blocks, evenly within a stage.

    card_names, values: the card's layers; names: the network's. Raises UserError where it has other stages.
    """
    return [sum(values[i] for i in layers_of_stage) / blocks for layers_of_stage, blocks in _shares(card_names, names)]


def _shares(card_names: Sequence[str], names: Sequence[str]) -> list[tuple[list[int], int]]:
    """Returns for each of `names` the card's layers of the same stage, and how many of `names` share them."""
    stages = [name.split(".")[0] for name in names]
    missing = {name.split(".")[0] for name in card_names} ^ set(stages)
    if missing:
        raise UserError(
            f"The hardware card's network has other stages ({', '.join(sorted(missing))}): "
            f"use --set workload.price=flops."
        )
    return [
        ([i for i, card_name in enumerate(card_names) if card_name.split(".")[0] == stage], stages.count(stage))
        for stage in stages
    ]
