"""Hardware cards: what a virtual clock charges. One TOML file each, beside this one or wherever --hardware points."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import inf
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks.errors import UserError
from benchmarks.hardware.delays import Delay
from benchmarks.pricing import Price
from methods import unknown

CARDS = Path(__file__).parent
Seconds = Annotated[float, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Costs(_Part):
    """latency_seconds + bytes / bytes_per_second."""

    latency_seconds: Seconds = 0.0
    bytes_per_second: Annotated[float, Field(gt=0)] = inf


class NetworkSeconds(_Part):
    """What one batch of a network costs on a device, layer by layer."""

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

    @model_validator(mode="after")
    def _alike(self) -> NetworkSeconds:
        lists = (self.forward_seconds, self.backward_input_seconds, self.backward_weight_seconds, self.parameter_bytes)
        if any(len(values) != len(self.layers) for values in lists):
            raise ValueError("every list needs one value per layer")
        return self


class Card(_Part):
    """A device, as often as a method asks for it, and the links between its copies."""

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
    networks: dict[str, NetworkSeconds] = Field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()

    def delayed(self, delays: Sequence[Delay]) -> Card:
        """The same card with stragglers beside its own."""
        return self.model_copy(update={"delays": (*self.delays, *delays)}) if delays else self

    def seconds_of(self, network: str, *, family: str, stem: str) -> NetworkSeconds | None:
        """What is known of a network on images of this family's size."""
        known = self.networks.get(f"{family}-{network}", self.networks.get(network))
        return known if known is not None and family in known.families and stem == known.stem else None

    def costs(self, price: Price) -> Price:
        """The same price with this card's links, updates and lanes."""
        return replace(
            price,
            latency_seconds=self.link.latency_seconds,
            bytes_per_second=self.link.bytes_per_second,
            update_latency_seconds=self.update.latency_seconds,
            update_bytes_per_second=self.update.bytes_per_second,
            lanes=self.lanes,
            lane_capacity=self.lane_capacity,
            delays=self.delays,
        )

    def price(self, known: NetworkSeconds, layers: Sequence[str] | None = None, *, batch: int | None = None) -> Price:
        """What a network's effects cost, for itself or for one of other blocks that stands in for it.

        A stage's seconds and bytes are shared evenly by the blocks that the stand-in has there. batch: that of a step,
        by default the one that the seconds are for.
        """
        shares = _shares(known.layers, list(layers or known.layers))
        factor = known.fixed_share + (1 - known.fixed_share) * (batch or known.batch) / known.batch

        def shared(values: Sequence[float], factor: float = factor) -> list[float]:
            return [sum(values[i] for i in mine) / many * factor for mine, many in shares]

        return self.costs(
            Price(
                shared(known.forward_seconds),
                shared(known.backward_input_seconds),
                shared(known.backward_weight_seconds),
                shared(known.parameter_bytes, 1.0),
            )
        )

    def seconds_by_flops(self, layers: Sequence[LayerWork], *, what: str, batch: int) -> NetworkSeconds:
        """By its FLOPs at the rate that the card achieves: for networks that the card does not know.

        A backward pass costs a forward pass's FLOPs for the weights and as many for the inputs; the first layer has no
        inputs to care for.
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
    """What one batch asks of a layer."""

    name: str
    forward_flops: float
    parameter_bytes: float


def _shares(known: Sequence[str], names: Sequence[str]) -> list[tuple[list[int], int]]:
    """Per own layer: the card's layers of its stage, and how many own layers share them."""
    stages = [name.split(".")[0] for name in names]
    missing = {name.split(".")[0] for name in known} ^ set(stages)
    if missing:
        raise UserError(
            f"The hardware card's network has other stages ({', '.join(sorted(missing))}): "
            f"use --set workload.price=flops."
        )
    return [
        ([i for i, other in enumerate(known) if other.split(".")[0] == stage], stages.count(stage)) for stage in stages
    ]


def names() -> list[str]:
    return sorted(path.stem for path in CARDS.glob("*.toml"))


def load(name: str, *, out: Path | None = None) -> Card:
    """A card by its name, from out/hardware (what calibrate wrote), or by the path of a TOML file.

    Raises UserError where there is none, or where it is not valid.
    """
    for path in (CARDS / f"{name}.toml", (out or Path("out")) / "hardware" / f"{name}.toml"):
        if path.is_file():
            return _read(path)
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"There is no hardware card {name}; --hardware takes a name or the path of a TOML file.")
        return _read(Path(name))
    if name == "this-machine":
        raise UserError("This machine has not been measured yet: run `python -m benchmarks calibrate` first.")
    raise UserError(unknown("hardware card", name, [*names(), "this-machine"]))


@cache
def _read(path: Path) -> Card:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        base = values.pop("extends", None)  # a card of this folder, whose values hold where none are given
        inherited = _read(CARDS / f"{base}.toml").model_dump() if base else {}
        return Card.model_validate({**inherited, **values}, context={"folder": path.parent})
    except (OSError, ValueError) as error:
        raise UserError(f"The hardware card {path} is not valid: {_first(error)}") from error


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        wrong = error.errors()[0]
        return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}."
    return f"{error}."


def write(card: Card, path: Path, header: str) -> None:
    """Write a card as TOML, atomically."""
    lines = [f"# {line}" for line in header.splitlines()]
    data = card.model_dump(exclude_defaults=True)
    nested = {key: data.pop(key) for key in ("link", "update", "networks") if key in data}
    delays = data.pop("delays", ())
    lines += _section(data)
    networks: Mapping[str, Any] = nested.pop("networks", {})
    for key, values in [*nested.items(), *((f"networks.{k}", v) for k, v in networks.items())]:
        lines += ["", f"[{key}]", *_section(values)]
    for delay in delays:
        lines += ["", "[[delays]]", *_section(delay)]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(path)


def _section(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in values.items()]


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.6g}" if any(c in f"{value:.6g}" for c in ".ein") else f"{value:.6g}.0"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)
