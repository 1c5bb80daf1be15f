"""Workloads: data set x network x batch x optimizer x schedule, at three scales. The one data and model layer.

smoke: embedded data, narrow networks, seconds. small: the real data set in part, narrow networks. paper: as published
(`benchmarks.workloads.scales` says where).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from benchmarks.errors import UserError
from benchmarks.workloads import tasks
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.data.options import Shards, Text, Tokens
from benchmarks.workloads.instructions import Instructions
from benchmarks.workloads.networks.names import NETWORKS, OwnNetwork, title_of
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.scales import BUDGETS, FAMILIES, PAIRS, at_budget, fields_of
from benchmarks.workloads.schedules import Schedule
from benchmarks.workloads.tasks import Task
from methods.errors import unknown
from methods.later import Later, filled_in, left_out
from results.records.evaluating import Every
from results.records.spec import WorkloadSpec

Scale = Literal["smoke", "small", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "small", "paper")
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Blocks = Annotated[int, Field(ge=1, le=1000, description="of a stage; a network of a million would be built for ever")]
Precision = Literal["float32", "tf32", "bf16"]


def _check_network(network: str, info: ValidationInfo) -> str:
    if network not in NETWORKS and _own(info).network_of(network) is None:
        raise ValueError(f"there is no network {network!r}: name the file of your own network with --network")
    return network


def _own(info: ValidationInfo) -> Own:
    """Returns the user's own files' contents, from the context of a validation."""
    own = (info.context or {}).get("own", NONE)
    assert isinstance(own, Own)
    return own


Network = Annotated[str, AfterValidator(_check_network)]


def _check_task(task: str, info: ValidationInfo) -> str:
    if task not in tasks.names() and _own(info).own_task(task) is None:
        names = ", ".join(tasks.names())
        raise ValueError(f"there is no task {task!r}, only {names}: name the file of your own task with --task")
    return task


class Optimizer(BaseModel):
    """One of torch.optim's, or LARS (You et al., arXiv:1708.03888); one per layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["sgd", "adam", "adamw", "nadam", "muon", "lars"] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1, description="of Adam and its kin: beta 1")] = 0.9
    beta2: Annotated[float, Later(0.999), Field(ge=0, lt=1, description="of Adam and its kin")] = 0.999
    weight_decay: Annotated[float, Field(ge=0)] = 0.005
    decay_bn: Annotated[bool, Field(description="weight decay on BatchNorm's parameters and on biases, too")] = True
    nesterov: bool = False
    lars_trust: Annotated[float, Field(gt=0, description="eta of LARS")] = 0.001
    clip: Annotated[float | None, Later(None), Field(gt=0, description="greatest norm of a gradient")] = None
    clip_by: Annotated[
        Literal["layer", "all"],
        Later("layer"),
        Field(description="whose norm is clipped: each layer's, or that of all together, where a method has them all"),
    ] = "layer"


SHOWN_ELSEWHERE = {
    "family",
    "scale",
    "dataset",
    "network",
    "like",
    "threads",
    "drain_every",
    "price_batch",
    "evaluate_every",
}
PARTS: dict[str, type[BaseModel]] = {
    "optimizer": Optimizer,
    "schedule": Schedule,
    "text": Text,
    "tokens": Tokens,
    "shards": Shards,
}


ADDED = ("name", "dataset_sha256", "data")
"""Fields of a run's spec that are not the workload's own; they are part of its identity."""


class Workload(BaseModel):
    """The settings that a run shares with its rivals in a table.

    Every field is recorded, and part of the run's identity.

    own: the user's own networks, task and data, in which names are looked up first; taken from the validation's
    context.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    _own: Own = PrivateAttr(default_factory=lambda: NONE)  # a default value would be copied for each workload

    family: Literal["cifar10", "cifar100", "imagenet", "imdb", "tinyshakespeare"]
    scale: Scale
    dataset: str
    train_samples: Annotated[
        int | None,
        Field(ge=1, description="a balanced part of the training split; of a corpus: windows of an epoch; none: all"),
    ]
    test_samples: Annotated[int | None, Field(ge=1)]
    validation: Annotated[
        int | None,
        Later(None),
        Field(
            ge=1,
            description="samples of the training split that are not trained on, by which runs are stopped early and "
            "tuned; of a corpus: windows, cut off its training part; none: by the test split",
        ),
    ] = None
    augment: bool = True
    shards: Annotated[
        Shards, Later(Shards()), Field(description="whether each device has a part of the data of its own")
    ] = Shards()
    resolution: Annotated[
        int | None, Field(ge=8, le=4096, description="side of the crops of an image folder, in pixels")
    ] = None
    text: Text | None = None
    tokens: Annotated[Tokens | None, Later(None)] = None
    task: Annotated[
        str,
        AfterValidator(_check_task),
        Later("classification"),
        Field(description="what the network is trained for, with its loss and its measures"),
    ] = "classification"
    network: Network
    like: Annotated[
        Network | None,
        Later(None),
        Field(description="the network whose settings one that no paper trains began with; none: its own"),
    ] = None
    stem: Literal["cifar", "imagenet"] = "cifar"
    width: Annotated[
        int, Field(ge=1, le=10_000, description="channels of the first stage; WRN: factor; LSTM: hidden units")
    ]
    blocks: tuple[Blocks, ...] | None = None
    embedding: Annotated[int | None, Field(ge=1, le=100_000, description="size of the LSTM's word vectors")] = None
    heads: Annotated[
        int | None, Later(None), Field(ge=1, le=10_000, description="of a transformer's attention; none: width / 32")
    ] = None
    patch: Annotated[int, Later(4), Field(ge=1, le=4096, description="side of ViT's patches, in pixels")] = 4
    batch: Annotated[int, Field(ge=1, description="per device")]
    epochs: Count
    patience: Annotated[int, Field(ge=1, description="epochs without a better evaluation before a run stops")] = 30
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    threads: Annotated[int, Field(ge=1, le=1024, description="torch's threads per run; they change bits")] = 1
    precision: Annotated[
        Precision, Field(description="of products and convolutions; bf16: autocast, with weights in float32")
    ] = "float32"
    instructions: Annotated[
        Instructions,
        Later("native"),
        Field(description="the CPU's that kernels may use: all (native), or those of any x86-64 with AVX2 (portable)"),
    ] = "native"
    drain_every: Annotated[
        int | None,
        Later(None),
        Field(ge=1, description="batches after which workers are drained within an epoch; none: at its end alone"),
    ] = None
    evaluate_every: Annotated[Every, Later(Fraction(1))] = Fraction(1)
    price: Annotated[
        Literal["published", "flops"],
        Field(description="simulated seconds of a step: the published network's, or by this network's own FLOPs"),
    ] = "published"
    price_batch: Annotated[
        int | None, Field(ge=1, description="the batch that a step is charged for; none: its own")
    ] = None
    activations: Annotated[
        Literal["free", "charged"],
        Later("free"),
        Field(description="on the virtual clock, moving what a backward worker on another device needs of a batch"),
    ] = "free"

    @model_validator(mode="after")
    def _stages(self, info: ValidationInfo) -> Workload:
        self._own = _own(info)
        stages = len(NETWORKS[self.network].blocks) if self.network in NETWORKS else None
        if self.blocks is not None and stages not in (None, len(self.blocks)):
            raise ValueError(f"{self.network} takes {stages} numbers of blocks, a stage each")
        if self.like is not None and self.price != "flops":
            raise ValueError(f"{self.network} has no published seconds: its price is that of its own FLOPs, flops")
        return self

    @classmethod
    def of(cls, spec: WorkloadSpec, own: Own = NONE) -> Workload:
        """Returns the workload of a spec.

        own: the user's own files. Raises pydantic's ValidationError for a spec with unknown settings or files.
        """
        return cls.model_validate(filled_in(cls, spec.document(without=ADDED)), context={"own": own})

    def spec(self, card: DataCard, sha256: str) -> WorkloadSpec:
        """Returns its form in a run's spec. sha256: of the data; "" for data that are not here yet."""
        said = self.model_dump(mode="json", exclude=left_out(self))
        added = {"dataset_sha256": sha256, "data": card.identity()}
        return WorkloadSpec.model_validate({"name": self.name, **said, **added})

    @property
    def own(self) -> Own:
        """Returns the user's own networks, task and data."""
        return self._own

    @property
    def own_network(self) -> OwnNetwork | None:
        """Returns the network, if it is the user's own."""
        return self.own.network_of(self.network)

    @property
    def trained_for(self) -> Task:
        """Returns the task, the suite's or the user's own."""
        own_task = self.own.own_task(self.task)
        return tasks.task(self.task) if own_task is None else own_task.task

    @property
    def card(self) -> DataCard:
        """Returns the card of its data, as published."""
        return self.own.card_of(self.dataset)

    @property
    def name(self) -> str:
        """Returns the name of the papers' workload, such as "cifar10-resnet18", the same at every scale."""
        return f"{self.family}-{self.network}"

    @property
    def label(self) -> str:
        """Returns network and data in words: "ResNet-18 (width 8, cifar stem) on 1x8x8 Handwritten digits"."""
        return self.label_on(self.card)

    def label_on(self, card: DataCard) -> str:
        """Returns the label with the data as it was found. card: of that data."""
        size = "x".join(map(str, self.input_shape(card)))
        if self.text is not None:
            size = f"{self.text.length} words of"
        if self.tokens is not None:
            unit = f"tokens (bpe, {self.tokens.vocabulary})" if self.tokens.unit == "bpe" else self.tokens.unit
            size = f"{self.tokens.context} {unit} of"
        if (network := self.own_network) is not None:
            takes = [field for field in ("width", "blocks", "stem", "heads", "patch") if field in network.takes]
            settings = {field: value for field in takes if (value := getattr(self, field)) is not None}
            shape = ", ".join([network.file.name, *(f"{field} {value}" for field, value in settings.items())])
        elif self.text is not None:
            shape = f"2 layers of {self.width}, word vectors of {self.embedding}"
        else:
            blocks = f", blocks {self.blocks}" if self.blocks else ""
            heads = f", {self.heads} heads" if self.heads else ""
            stem = f", {self.stem} stem" if self.network in ("resnet18", "resnet50") else ""
            shape = f"width {self.width}{blocks}{heads}{stem}"
        return f"{title_of(self.network)} ({shape}) on {size} {card.title}"

    def at(self, scale: str, settings: dict[str, Any] | None = None) -> Workload:
        """Returns the workload of the same name at another scale, with these settings and none of this one's."""
        return workload(self.family, self.network, scale, settings, like=self.like, own=self.own)

    def input_shape(self, card: DataCard) -> tuple[int, ...]:
        """Returns the shape of one image, (channels, height, width), at the resolution if one is set; () for a text."""
        if self.resolution is not None:
            return (card.shape[0], self.resolution, self.resolution)
        return tuple(card.shape)

    def vocabulary_on(self, card: DataCard) -> int | None:
        """Returns the most words or tokens that the data may have; None where inputs are neither."""
        if self.tokens is not None:
            return {"characters": card.characters, "bytes": 256, "bpe": self.tokens.vocabulary}[self.tokens.unit]
        return self.text.vocabulary + 2 if self.text is not None else None

    def samples_of(self, card: DataCard) -> tuple[int | None, int | None]:
        """Returns how many samples are trained and tested on; None for a corpus whose tokens are not counted yet."""
        available: tuple[int | None, int | None] = card.train_samples, card.test_samples
        if self.tokens is not None:
            counted = available if self.tokens.unit == "characters" else card.counted or (None, None)
            counted = (counted[0] and max(0, counted[0] - self.tokens.held_out(self.validation)), counted[1])
            # the last token of a window has to be followed by one
            available = tuple(count and (count - 1) // self.tokens.context for count in counted)  # type: ignore[assignment]
        return self.train_samples or available[0], self.test_samples or available[1]

    def left_for_validation(self, card: DataCard) -> int | None:
        """Returns how many samples of the training split are not trained on, or could be held out of a corpus.

        None for a corpus whose tokens are not counted yet.
        """
        if self.tokens is None:
            return card.train_samples - (self.train_samples or card.train_samples)
        windows, _ = self.model_copy(update={"train_samples": None, "validation": None}).samples_of(card)
        return windows and max(0, windows - 2)  # one is trained on, and the ends of both parts may fill none

    def check_validation(self, card: DataCard) -> None:
        """Raises UserError where fewer samples are left than the validation split is to have."""
        left = self.left_for_validation(card)
        if self.validation is None or left is None or self.validation <= left:
            return
        remedy = "set fewer"
        if self.tokens is None and (samples := card.train_samples - self.validation) > 0:
            remedy = f"set workload.train_samples={samples} or fewer"
        unit = f"of {card.train_samples} training samples" if self.tokens is None else "windows of the training part"
        raise UserError(
            f"workload.validation={self.validation}: {left} {unit} of {card.title} are left for it: {remedy}."
        )

    @property
    def departures(self) -> list[str]:
        """Returns sentences on what differs from the paper's workload of that name."""
        paper, departures = self.at("paper"), list[str]()
        if self.like is not None:
            of_file = f" of {self.own_network.file.name}" if self.own_network is not None else ""
            departures.append(f"network: {title_of(self.network)}{of_file}, with {title_of(self.like)}'s settings")
        if self.dataset != paper.dataset:
            departures.append(f"data: {self.card.label}")
        published = dict(_flat(paper))
        absent = {"blocks": "published", "train_samples": "all", "test_samples": "all"}
        for field, value in _flat(self):
            if field not in SHOWN_ELSEWHERE and value != published.get(field):
                here, there = (absent.get(field, "none") if v is None else v for v in (value, published.get(field)))
                departures.append(f"{field} {here} (paper scale: {there})")
        return departures

    @property
    def charged_stem(self) -> str:
        """Returns the stem whose seconds are charged: the paper's, unless it was set for this run.

        At the smaller scales the images may be too small for the paper's stem.
        """
        return self.at("paper").stem if self.stem == self.at(self.scale).stem else self.stem

    @property
    def charged(self) -> Workload:
        """Returns the paper's workload: a simulated step takes as long as one of its network (unless price=flops)."""
        paper, stem = self.at("paper"), self.charged_stem
        return paper if paper.stem == stem else self.at("paper", {"stem": stem})

    def check_device(self, device: str, *, tf32: bool) -> None:
        """Raises UserError where the device cannot compute in this precision or by these instructions.

        device: its name; tf32: whether it has TF32.
        """
        if self.precision == "tf32" and not tf32:
            raise UserError(f"workload.precision=tf32: the {device} has no TF32: set float32 or bf16.")
        if self.instructions == "portable" and device != "cpu":
            raise UserError(f"workload.instructions=portable: for CPUs, not the {device}; add --device cpu.")

    def at_batch(self, published: int) -> dict[str, int]:
        """Returns the settings for a published batch: as it is at paper scale, in proportion at others."""
        paper = self.at("paper").batch
        settings = {"batch": max(1, self.batch * published // paper)}
        return settings if self.price_batch is None else {**settings, "price_batch": published}


def _flat(work: Workload) -> Iterator[tuple[str, Any]]:
    for field in type(work).model_fields:
        value = getattr(work, field)
        if isinstance(value, BaseModel):
            yield from ((f"{field}.{part}", part_value) for part, part_value in value)
        else:
            yield field, value


def workload(
    family: str,
    network: str,
    scale: str,
    settings: dict[str, Any] | None = None,
    *,
    like: str | None = None,
    own: Own = NONE,
    budget: int = 1,
) -> Workload:
    """Returns the workload of that name at a scale. settings: fields to set; "schedule.lr" sets a part.

    like: the network of the papers whose settings are taken for one that no paper trains on the family (of the suite or
    the user's own); by default the family's first. own: the user's own networks, task and data. budget: times the
    samples of the scale. Raises UserError on an unknown name, field or value, offering the nearest, and on a budget
    that the scale or its data do not have, or that the settings would undo.
    """
    if not settings and own == NONE:
        return _by_default(family, network, scale, like, budget)
    return _workload(family, network, scale, settings or {}, like, own, budget)


@cache
def _by_default(family: str, network: str, scale: str, like: str | None, budget: int) -> Workload:
    return _workload(family, network, scale, {}, like, NONE, budget)


def _workload(
    family: str, network: str, scale: str, settings: dict[str, Any], like: str | None, own: Own, budget: int
) -> Workload:
    networks = (*NETWORKS, *(own_network.name for own_network in own.networks))
    for kind, name, choices in (("family", family, FAMILIES), ("network", network, networks), ("scale", scale, SCALES)):
        if name not in choices:
            raise UserError(unknown(kind, name, choices))
    in_pairs = (family, network) in PAIRS
    fields = fields_of(family, network, scale) if in_pairs else _fields_like(family, network, scale, like)
    if budget != 1:
        fields = _at_budget(fields, settings, family, network, scale, budget)
    return _with_settings({"family": family, "network": network, "scale": scale, **fields}, settings, own)


def _at_budget(
    fields: dict[str, Any], settings: dict[str, Any], family: str, network: str, scale: str, budget: int
) -> dict[str, Any]:
    """Returns a scale's fields at a budget.

    Raises UserError where the settings would undo it, or the scale or the data have no such budget.
    """
    if undone := [f"workload.{field}" for field in ("train_samples", "epochs") if field in settings]:
        raise UserError(f"--budget {budget} decides {' and '.join(undone)}, which is set as well: leave one out.")
    if scale != "small" or budget not in BUDGETS:
        budgets = ", ".join(map(str, BUDGETS))
        raise UserError(f"--budget {budget}: only scale small has budgets, {budgets} times its samples.")
    if fields["train_samples"] is None:
        raise UserError(f"--budget {budget}: {family} has no more at scale small, which trains on all of its folder.")
    grown = {times: at_budget(fields, family, fields.get("like") or network, times) for times in BUDGETS}
    most = card(fields["dataset"]).train_samples
    if grown[budget]["train_samples"] > most and not fields.get("tokens"):
        possible = ", ".join(str(times) for times, of in grown.items() if of["train_samples"] <= most)
        raise UserError(
            f"--budget {budget}: it takes {grown[budget]['train_samples']:,} training samples, and {fields['dataset']} "
            f"has {most:,}; possible here: {possible}."
        )
    return grown[budget]


def _fields_like(family: str, network: str, scale: str, like: str | None) -> dict[str, Any]:
    """Returns the fields of a network that no paper trains on the family: `like`'s, with its own width and price."""
    of_family = [network_name for data, network_name in PAIRS if data == family]
    like = like if like in of_family else of_family[0]
    fields = {**fields_of(family, like, scale), "blocks": None, "price": "flops", "like": like}
    if network in NETWORKS and (takes := NETWORKS[network].inputs) != NETWORKS[like].inputs:
        pairs = ", ".join(f"{f} {n}" for f, n in PAIRS)
        raise UserError(f"{title_of(network)} takes {takes}, and {family} has none; there are {pairs}.")
    if network in NETWORKS and scale == "paper":
        fields["width"] = NETWORKS[network].width
    return fields


def _with_settings(fields: dict[str, Any], settings: dict[str, Any], own: Own) -> Workload:
    for key, value in settings.items():
        first, _, inner = key.partition(".")
        if first not in Workload.model_fields:
            raise UserError(_unknown_field(key))
        if not inner:
            fields[first] = _parsed(value)
            continue
        part = fields.get(first, Workload.model_fields[first].default)
        if first not in PARTS or part is None:
            raise UserError(f"workload.{first} has no parts: set workload.{first} itself.")
        if inner not in PARTS[first].model_fields:
            raise UserError(_unknown_field(key))
        fields[first] = {**_plain(part), inner: _parsed(value)}  # validated below, with all the rest
    try:
        work = Workload.model_validate({key: _plain(value) for key, value in fields.items()}, context={"own": own})
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(map(str, wrong["loc"][:1] if wrong["type"] == "missing" else wrong["loc"]))
        setting = f"workload.{field}={wrong['input']!r}" if field else "workload.blocks"
        raise UserError(f"Bad value: {setting}: {wrong['msg'].removeprefix('Value error, ')}.") from error
    _check_samples(work, work.card)
    return work


def _unknown_field(key: str) -> str:
    """Returns a sentence that offers the fields with the key's last part (schedule.lr for lr), else the nearest."""
    first, _, inner = key.partition(".")
    last = key.rpartition(".")[2]
    same = [f"{part}.{last}" for part, kind in PARTS.items() if last in kind.model_fields]
    if not same and first in PARTS:
        return unknown(f"field of workload.{first}", inner, PARTS[first].model_fields)
    if not same:
        return unknown("field of workload", first, Workload.model_fields)
    return f"Unknown field of workload '{key}': did you mean {' or '.join(f'workload.{field}' for field in same)}?"


def _check_samples(work: Workload, data: DataCard) -> None:
    kinds = {"text": "texts with labels", "corpus": "a text to be cut into tokens"}
    kind = kinds.get(data.kind, "images")
    needed = kinds["text"] if work.text else kinds["corpus"] if work.tokens else "images"
    if kind != needed:
        raise UserError(
            f"{work.dataset} has {kind}, and {title_of(work.network)} on {work.family} takes {needed}: name a table of "
            f"{kind}."
        )
    if work.train_samples is not None and work.train_samples < work.batch:
        raise UserError(f"workload.train_samples={work.train_samples}: one batch takes {work.batch}.")
    samples, _ = work.samples_of(data)
    if data.own is not None and samples is not None and samples < work.batch:
        raise UserError(
            f"{work.dataset} has {samples} training samples, and one batch takes {work.batch}: set a "
            "smaller workload.batch."
        )
    for split, samples, available in (
        ("train", work.train_samples, data.train_samples),
        ("test", work.test_samples, data.test_samples),
    ):
        if samples is not None and samples > available and work.tokens is None:
            raise UserError(f"workload.{split}_samples={samples}: {work.dataset} has only {available}.")


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, BaseModel) else value


def _parsed(value: Any) -> Any:
    """Parses a list, '1,1,1,1'; leaves everything else to the field's type."""
    if isinstance(value, str) and value.strip() in ("()", "[]"):
        return []
    if isinstance(value, str) and "," in value:
        return [part.strip(" ()[]") for part in value.strip(" ()[]").split(",") if part.strip(" ()[]")]
    return None if value == "none" else value
