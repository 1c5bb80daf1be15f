"""A run's spec, labels and counts: typed, frozen, and written again as they were read."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from results.records.evaluating import Every

_ROUNDING = 1e-9
Document = dict[str, JsonValue]
Natural = Annotated[int, Field(ge=0)]


class Recorded(BaseModel):
    """A JSON object of a journal: fields that something reads are typed, all others are kept as they are.

    Numbers are read strictly: 1 and 1.0 make two identities.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    def document(self, without: Collection[str] = ()) -> Document:
        """The JSON object itself: what was given, without the fields of these names, and no default beside it."""
        return self.model_dump(exclude_unset=True, exclude=set(without))


class WorkloadSpec(Recorded):
    """The workload as resolved: further fields are those of its settings, and of the data's card."""

    name: str
    family: str
    scale: str
    dataset: str
    network: str
    task: str = "classification"  # only where it is another
    epochs: int
    evaluate_every: Every = Fraction(1)  # only where it is another
    dataset_sha256: str
    test_samples: int | None = None
    validation: int | None = None  # only where samples are held out for it


class MethodSpec(Recorded):
    """A registered name, and all options of the method as resolved."""

    name: str
    options: Mapping[str, JsonValue]


class HardwareSpec(Recorded):
    """Source of time: a card's name, digest, stragglers and absent devices; or this machine's CPU and cores, or GPUs.

    delays, absent: in words.
    """

    name: str
    sha256: str = ""
    cores: int | None = None
    gpus: int | None = None
    delays: Sequence[str] = ()
    absent: Sequence[str] = ()


class ChargedSpec(Recorded):
    """The network whose seconds a simulated step costs."""

    network: str
    stem: str
    width: int


class RunSpec(Recorded):
    """All that defines a run's numbers.

    charged: under a simulated clock only; gpu: its name, on CUDA only; recorded: only where the schedule is.
    numerics: the version of the code that makes the numbers; None of runs from before there was one.
    sources: a digest of a user's own files, or of ours where they were edited; before there was a version, of all.
    """

    workload: WorkloadSpec
    method: MethodSpec
    executor: str
    hardware: HardwareSpec
    charged: ChargedSpec | None = None
    device: str
    gpu: str | None = None
    recorded: bool | None = None
    seed: int
    torch: str
    numerics: int | None = None
    sources: str | None = None


VALIDATION = "validation_"
"""Before the name of a metric that is of the validation split."""


class Judge(Recorded):
    """The metric of an evaluation that runs are judged by: early stopping, targets, bests, tuning.

    digits: to which a target is rounded, towards the worse. chance: the value of a network that has learnt nothing;
    None where it follows from the number of classes, or is not known.
    """

    metric: str
    title: str
    unit: str
    better: Literal["more", "less"]
    digits: Natural = 0
    chance: float | None = None

    def rank(self, value: float) -> float:
        """Returns what is the greater the better the value is."""
        return value if self.better == "more" else -value

    def monitor(self, validation: int | None) -> Judge:
        """Returns what early stopping and the choice of an evaluation go by: itself on the validation split, if any.

        validation: its samples; None where there is none, and the test split serves, as in the papers.
        """
        if validation is None:
            return self
        return self.model_copy(update={"metric": f"{VALIDATION}{self.metric}", "title": f"validation {self.title}"})

    def of(self, metrics: Mapping[str, float]) -> float:
        """Returns an evaluation's value, nan where it has none."""
        return metrics.get(self.metric, math.nan)

    def reached(self, value: float, target: float) -> bool:
        """Returns whether a value is as good as a target; 86.99999999999999 % is 87 %."""
        return self.rank(value) >= self.rank(target) - _ROUNDING

    def lenient(self, value: float) -> float:
        """Returns a value rounded to `digits`, towards the worse."""
        whole = self.rank(value) * 10**self.digits + _ROUNDING
        return self.rank(math.floor(whole) / 10**self.digits)

    @property
    def bounds(self) -> tuple[float, float]:
        """Returns the limits of its values, the lower one left out; a loss of which chance is known has one, 0."""
        if self.unit == "%":
            return 0.0, 100.0
        return (0.0 if self.better == "less" and self.chance is not None else -math.inf), math.inf

    @property
    def heading(self) -> str:
        """Returns title and unit, as an axis is labelled: "accuracy (%)"."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def said(self, value: float) -> str:
        """Returns a value for people, with its unit: "87 %", "1.88 nats"."""
        return f"{value:g} {self.unit}".rstrip()


ACCURACY = Judge(metric="accuracy_percent", title="accuracy", unit="%", better="more")

METRICS = (
    "accuracy_percent",
    "loss",
    "train_accuracy_percent",
    "train_loss",
    "virtual_seconds",
    "train_seconds",
    "wall_seconds",
    "staleness_updates",
    "staleness_seconds",
    "gradient_wait_seconds",
    "dropped_gradients",
    "learning_rate",
)
"""Metrics that every run has at each evaluation."""


class RowLabels(Recorded):
    """Names of a row, for people."""

    row: str
    method_title: str = ""


class Labels(Recorded):
    """Names of a run, for people; nothing of it is in the identity. Journals of earlier versions lack some of it.

    also: rows of other methods that are this one as they are set, and whose run it is as well.
    device_count: of the clock's devices, each of peak_flops_per_second (None: not known). log: what the job of a
    cluster printed that trained it. classes, test_samples: of the data that accuracies are of; 0 where not known.
    judge: of the run's task; journals say it where it is not accuracy. budget: times the samples of the scale; likewise
    where it is not 1.
    """

    row: str = ""
    method_title: str = ""
    network_label: str = ""
    devices: str = ""
    device_count: int = 1
    peak_flops_per_second: float | None = None
    data_label: str = ""
    classes: Natural = 0
    test_samples: Natural = 0
    judge: Judge = ACCURACY
    also: Sequence[RowLabels] = ()
    log: str = ""
    budget: Annotated[int, Field(ge=1)] = 1


class Effects(Recorded):
    """Counts of what a run's workers asked for and got, over all replicas. A gradient is of one layer.

    shared_batches: taken by whoever asked for the next one. gradients: that were computed; pinned: at pinned weights;
    moved: at the replica's weights, which were no more those that the forward pass had read. updates: per layer, how
    often `Update` changed it, whatever the number of gradients at once; applied: these gradients; applied_batches: the
    batches that they are of. averages: of replicas, each counted; state_averages: those that took the optimizer's state
    along. dropped: gradients. replicas: that were updated. sent_bytes: by links, such as "0 to 1";
    None: not counted, as by earlier versions.
    """

    shared_batches: Natural
    gradients: Natural
    pinned: Natural
    moved: Natural
    updates: Sequence[Natural]
    applied: Natural
    applied_batches: Natural
    averages: Natural
    state_averages: Natural
    dropped: Natural
    replicas: Natural
    # Not Mapping: in strict mode pydantic 2.11.0 does not check its values.
    sent_bytes: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None


def flat(values: Mapping[str, JsonValue], prefix: str = "") -> Document:
    """Nested objects as dotted names, in their order; lists and all other values stay what they are."""
    found: Document = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
