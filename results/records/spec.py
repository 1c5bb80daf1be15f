"""Typed, frozen models of a run's spec, labels and counts; they are written exactly as they were read."""

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
    """A JSON object of a journal: fields that the suite reads are typed, all others are kept unchanged.

    Numbers are parsed strictly, since 1 and 1.0 give two identities.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    def document(self, without: Collection[str] = ()) -> Document:
        """Returns the JSON object as it was read, without defaults and without these fields."""
        return self.model_dump(exclude_unset=True, exclude=set(without))


class WorkloadSpec(Recorded):
    """The resolved workload; further fields are its settings and those of the data card."""

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
    instructions: str = "native"  # of the CPU; only where they are others


class MethodSpec(Recorded):
    """A method's registered name and all its resolved options."""

    name: str
    options: Mapping[str, JsonValue]


class HardwareSpec(Recorded):
    """Source of time: a hardware profile with its digest, or this machine's processor with its cores or GPUs.

    delays, absent: stragglers and absent devices, in words.
    """

    name: str
    sha256: str = ""
    cores: int | None = None
    gpus: int | None = None
    delays: Sequence[str] = ()
    absent: Sequence[str] = ()


class ChargedSpec(Recorded):
    """Network whose seconds a simulated step takes."""

    network: str
    stem: str
    width: int


class RunSpec(Recorded):
    """Everything that defines a run's numbers, and so its identity.

    charged: only on the virtual clock. gpu: name of the GPU, only on CUDA. recorded: only if the schedule is recorded.
    numerics: version of the code that makes the numbers; None in earlier runs. sources: digest of a user's own files,
    or of edited files of the suite; in earlier runs, of all files.
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
"""Prefix of metrics of the validation split."""


class Judge(Recorded):
    """The metric by which runs are judged: for early stopping, targets, best values and tuning.

    metric: its name in journals. digits: decimals of a target, rounded towards the worse. chance: value of a network
    that has learnt nothing; None if it follows from the number of classes, or is unknown.

    Example:
        `Judge(metric="loss", title="loss", unit="nats", better="less", digits=2)`
    """

    metric: str
    title: str
    unit: str
    better: Literal["more", "less"]
    digits: Natural = 0
    chance: float | None = None

    def rank(self, value: float) -> float:
        """Returns the value, negated where less is better, so that greater is always better."""
        return value if self.better == "more" else -value

    def monitor(self, validation: int | None) -> Judge:
        """Returns this metric on the validation split, for early stopping; itself without such a split.

        validation: number of samples in the split; None: there is no split, and the test split is used, as in the
        papers.
        """
        if validation is None:
            return self
        return self.model_copy(update={"metric": f"{VALIDATION}{self.metric}", "title": f"validation {self.title}"})

    def of(self, metrics: Mapping[str, float]) -> float:
        """Returns an evaluation's value; nan if it has none."""
        return metrics.get(self.metric, math.nan)

    def reached(self, value: float, target: float) -> bool:
        """Whether a value is as good as a target; 86.99999999999999 % counts as 87 %."""
        return self.rank(value) >= self.rank(target) - _ROUNDING

    def lenient(self, value: float) -> float:
        """Rounds a value to `digits`, towards the worse."""
        whole = self.rank(value) * 10**self.digits + _ROUNDING
        return self.rank(math.floor(whole) / 10**self.digits)

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest value, the least excluded. A loss is bounded below, by 0, only if its chance is known."""
        if self.unit == "%":
            return 0.0, 100.0
        return (0.0 if self.better == "less" and self.chance is not None else -math.inf), math.inf

    @property
    def heading(self) -> str:
        """Label of an axis: "accuracy (%)"."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def with_unit(self, value: float) -> str:
        """Returns a value with its unit: "87 %", "1.88 nats"."""
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
"""Metrics of every run at each evaluation."""


class RowLabels(Recorded):
    """Names of a row, for people."""

    row: str
    method_title: str = ""


class Labels(Recorded):
    """Names of a run, for people; not part of its identity. Journals of earlier versions lack some.

    also: rows of other methods that share the run, since their settings make them the same algorithm. device_count: of
    the clock's devices, each with peak_flops_per_second (None if unknown). log: output file of the cluster job that
    trained it. classes, test_samples: of the data; 0 if unknown. judge: in journals only if it is not accuracy. budget:
    factor of the scale's usual samples; in journals only if it is not 1.
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
    """Counts of the effects of a run's workers, over all replicas. A gradient is that of one layer.

    Args:
        shared_batches: batches that no worker had reserved; the next worker to ask took them.
        gradients: computed gradients.
        pinned: of these, at pinned weights.
        moved: of these, at weights of the replica that had changed since the forward pass read them.
        updates: how often `Update` changed each layer.
        applied: gradients that these updates applied.
        applied_batches: batches from which the applied gradients were computed.
        averages: averaged replicas.
        state_averages: of these, including the optimizer's state.
        dropped: dropped gradients.
        replicas: updated replicas.
        sent_bytes: by link, such as "0 to 1"; None: not counted, as in earlier versions.
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
    """Flattens nested objects into dotted names: flat({"a": {"b": [1]}})  # {"a.b": [1]}"""
    result: Document = {}
    for name, value in values.items():
        result |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return result
