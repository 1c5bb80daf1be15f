"""Workloads: data set x network x batch x optimizer x schedule, at three scales. The one data and model layer.

Source of the paper scale: A (arXiv:2410.05985v1), Table 10 (where section 4.1 contradicts it, Table 10; see
docs/decisions/0002). smoke: embedded data, narrow networks, seconds. small: the real data set in part, narrow networks.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.data.cards import card
from benchmarks.errors import UserError
from benchmarks.schedules import Schedule
from methods import unknown

Scale = Literal["smoke", "small", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "small", "paper")
FAMILIES = ("cifar10", "cifar100")
NETWORKS = ("resnet18", "resnet50")
Count = Annotated[int, Field(ge=1)]


class Optimizer(BaseModel):
    """torch.optim.SGD, one per layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["sgd"] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.005
    nesterov: bool = False


class Workload(BaseModel):
    """All that a run shares with its rivals in a table. Every field is recorded, and part of the run's identity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["cifar10", "cifar100"]
    scale: Scale
    dataset: str
    train_samples: Count
    test_samples: Count
    augment: bool = True
    network: Literal["resnet18", "resnet50"]
    stem: Literal["cifar", "imagenet"] = "cifar"
    width: Count = 64
    blocks: tuple[Count, Count, Count, Count] | None = None
    batch: Count = 128
    epochs: Count
    patience: Annotated[int, Field(ge=1, description="epochs without a better accuracy before a run stops")] = 30
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    threads: Annotated[int, Field(ge=1, description="torch's threads per run; they change bits")] = 1
    price: Annotated[
        Literal["published", "flops"],
        Field(description="simulated seconds of a step: the published network's, or by this network's own FLOPs"),
    ] = "published"

    @property
    def name(self) -> str:
        return f"{self.family}-{self.network}"

    @property
    def label(self) -> str:
        """The network as it is, in words."""
        shape = "x".join(map(str, card(self.dataset).shape))
        blocks = f", blocks {self.blocks}" if self.blocks else ""
        title = self.network.replace("resnet", "ResNet-")
        return f"{title} (width {self.width}{blocks}, {self.stem} stem) on {shape} {card(self.dataset).title}"

    @property
    def departures(self) -> list[str]:
        """How it departs from the paper's workload of that name, in words."""
        paper, said = workload(self.family, self.network, "paper"), []
        if self.dataset != paper.dataset:
            said.append(f"data: {card(self.dataset).label}")
        for field in type(self).model_fields:
            ours, theirs = getattr(self, field), getattr(paper, field)
            if field not in ("family", "scale", "dataset", "network", "threads") and ours != theirs:
                said.append(f"{field} {_brief(ours)} (paper scale: {_brief(theirs)})")
        return said


def _brief(value: Any) -> str:
    if isinstance(value, BaseModel):
        return ", ".join(f"{k}={v}" for k, v in value.model_dump().items())
    return "published" if value is None else str(value)


# Table 10: T_max and warm-up per data set and network.
TABLE_10 = {
    ("cifar100", "resnet18"): Schedule(t_max=100, warm_up_epochs=5),
    ("cifar100", "resnet50"): Schedule(t_max=120, warm_up_epochs=5),
    ("cifar10", "resnet18"): Schedule(t_max=105, warm_up_epochs=3),
    ("cifar10", "resnet50"): Schedule(t_max=120, warm_up_epochs=5),
}

SMOKE: dict[str, Any] = {
    "width": 8,
    "batch": 64,
    "epochs": 6,
    "patience": 6,
    "augment": False,
    "schedule": Schedule(lr=0.05, warm_up_epochs=1, warm_up_lr=0.02, t_max=5),
    "optimizer": Optimizer(weight_decay=0.0005),
}
# 18 batches, which three devices share without a remainder.
SMOKE_DATA = {
    "cifar10": {"dataset": "digits", "train_samples": 1152, "test_samples": 360},
    "cifar100": {"dataset": "digit-pairs", "train_samples": 1152, "test_samples": 500},
}
SMALL: dict[str, Any] = {
    "width": 16,
    "batch": 64,
    "train_samples": 10000,
    "test_samples": 2000,
    "epochs": 10,
    "patience": 10,
    "schedule": Schedule(lr=0.02, warm_up_epochs=1, warm_up_lr=0.01, t_max=9),
    "optimizer": Optimizer(weight_decay=0.0005),
}


def workload(family: str, network: str, scale: str, settings: dict[str, Any] | None = None) -> Workload:
    """The workload of that name; settings: fields to set, dotted ones reach inside ("schedule.lr").

    Raises UserError on an unknown name, field or value, offering the nearest.
    """
    for what, given, known in (("family", family, FAMILIES), ("network", network, NETWORKS), ("scale", scale, SCALES)):
        if given not in known:
            raise UserError(unknown(what, given, known))
    fields: dict[str, Any] = {"family": family, "network": network, "scale": scale}
    if scale == "paper":
        fields |= {"dataset": family, "train_samples": 50000, "test_samples": 10000, "epochs": 150}
        fields |= {"schedule": TABLE_10[family, network]}
    elif scale == "small":
        fields |= {"dataset": family, **SMALL}
    else:
        fields |= {**SMOKE, **SMOKE_DATA[family]}
        if network == "resnet50":
            fields["blocks"] = (1, 1, 1, 1)
    return _with_settings(fields, settings or {})


def _with_settings(fields: dict[str, Any], settings: dict[str, Any]) -> Workload:
    for key, value in settings.items():
        first, _, rest = key.partition(".")
        if first not in Workload.model_fields:
            raise UserError(unknown("field of workload", first, Workload.model_fields))
        if not rest:
            fields[first] = _parsed(value)
            continue
        part = fields.get(first, Workload.model_fields[first].default)
        if not isinstance(part, BaseModel):
            raise UserError(f"workload.{first} has no parts: set workload.{first} itself.")
        if rest not in type(part).model_fields:
            raise UserError(unknown(f"field of workload.{first}", rest, type(part).model_fields))
        fields[first] = part.model_copy(update={rest: value})  # validated below, with all the rest
    try:
        made = Workload.model_validate({key: _plain(value) for key, value in fields.items()})
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"][:1] if wrong["type"] == "missing" else wrong["loc"]))
        raise UserError(f"Bad value: workload.{where}={wrong['input']!r}: {wrong['msg']}.") from error
    data = card(made.dataset)
    if made.train_samples < made.batch:
        raise UserError(f"workload.train_samples={made.train_samples}: one batch takes {made.batch}.")
    for split, wanted, there in (
        ("train", made.train_samples, data.train_samples),
        ("test", made.test_samples, data.test_samples),
    ):
        if wanted > there:
            raise UserError(f"workload.{split}_samples={wanted}: {made.dataset} has only {there}.")
    return made


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, BaseModel) else value


def _parsed(value: Any) -> Any:
    """'1,1,1,1' -> a list; everything else is left to the field's type."""
    if isinstance(value, str) and "," in value:
        return [part.strip(" ()[]") for part in value.strip(" ()[]").split(",")]
    return None if value == "none" else value
