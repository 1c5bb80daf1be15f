"""The papers' tables and figures of training runs: one short file of literals each, checked when it is read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import methods
from benchmarks.errors import UserError
from benchmarks.hardware.delays import Delay
from benchmarks.settings import PAIRS
from results import published

PAPER_A = ("table1", "table2", "table3", "table4", "table5", "table6", "table7", "table8")
FIGURES_A = ("figure2", "figure3", "figure4")
PAPER_A3 = ("v3-mfu", "v3-stragglers", "v3-ratio")
PAPER_B = (*(f"lap-table{i}" for i in range(1, 12)), "lap-figure1", "lap-figure2")
AUDITS = ("audit-stem", "audit-updaters")
IDS = (*PAPER_A, *FIGURES_A, *PAPER_A3, *PAPER_B, *AUDITS)

MEASURES = {
    "time_to_target_seconds": "time to target",
    "epochs_to_target": "epochs to target",
    "best_accuracy_percent": "best accuracy (%)",
    "time_to_best_seconds": "time to best",
    "epochs_to_best": "epochs to best",
    "relative_speedup": "speed-up over BP",
    "train_accuracy_percent": "train accuracy (%)",
    "train_loss": "train loss",
    "test_accuracy_percent": "test accuracy (%)",
    "test_loss": "test loss",
    "train_time_seconds": "training time",
    "seconds_per_epoch": "seconds per epoch",
    "model_flops_utilisation_percent": "MFU (%)",
}


@dataclass(frozen=True)
class Row:
    """A method with its options. Its key names it in records, published values and MLflow.

    batch: per device, as published; at smaller scales it shrinks with the workload's. workload: settings of this row
    alone. delays: stragglers among the devices, added to the hardware card.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    batch: int | None = None
    workload: Mapping[str, Any] = field(default_factory=dict)
    delays: tuple[Delay, ...] = ()

    @property
    def variant(self) -> dict[str, Any]:
        """What tells it from its method's plain row."""
        said = dict(self.options)
        if self.batch is not None:
            said["batch"] = self.batch
        said |= {key.split(".")[0]: self.workload[key] for key in ("stem", "optimizer.name") if key in self.workload}
        if self.delays:
            said["delay"] = self.delays[0].kind
        return said

    @property
    def key(self) -> str:
        suffix = ",".join(f"{key}={value}" for key, value in self.variant.items())
        return f"{self.method}@{suffix}" if suffix else self.method

    @property
    def label(self) -> str:
        title = methods.method_class(self.method).title
        suffix = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in self.variant.items())
        return f"{title}, {suffix}" if suffix else title


@dataclass(frozen=True)
class Table:
    """A view of runs: its grid, its measures, the paper it is laid beside.

    card: the hardware of the virtual clock unless --hardware says otherwise. devices: of every method with replicas.
    options: defaults of a method in this table, by its name. picture: "curves" or "bars", drawn beside the table.
    """

    id: str
    title: str
    source: str
    family: str
    rows: tuple[Row, ...]
    measures: tuple[str, ...]
    networks: tuple[str, ...] = ("resnet18", "resnet50")
    notes: tuple[str, ...] = ()
    card: str = "paper-a"
    devices: int | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    picture: str = ""

    def __post_init__(self) -> None:
        if not {(self.family, network) for network in self.networks} <= set(PAIRS):
            raise ValueError(f"{self.id}: unknown family or network")
        if unknown := set(self.measures) - set(MEASURES):
            raise ValueError(f"{self.id}: unknown measures {unknown}")
        keys = [row.key for row in self.rows]
        if len(set(keys)) < len(keys):
            raise ValueError(f"{self.id}: a row is there twice")
        cells = {key for key in published.load(self.id) if key[2] != "target_percent"}
        lost = {
            key for key in cells if key[0] not in self.networks or key[1] not in keys or key[2] not in self.measures
        }
        if lost:
            raise ValueError(f"{self.id}: published values without a cell: {sorted(lost)}")
        for row in self.rows:
            methods.create(row.method, self.options_of(row))

    def options_of(self, row: Row) -> dict[str, Any]:
        """The row's options over the table's."""
        shared = dict(self.options.get(row.method, {}))
        if self.devices is not None and "devices" in methods.method_class(row.method).Options.__dataclass_fields__:
            shared["devices"] = self.devices
        return {**shared, **row.options}


@cache
def table(id: str) -> Table:
    """Raises UserError, offering the nearest names, when there is none."""
    if id not in IDS:
        raise UserError(methods.unknown("table", id, IDS))
    found: Table = importlib.import_module(f"benchmarks.tables.{id.replace('-', '_')}").TABLE
    return found


# ---- what the tables of paper A have in common

BASELINE = Row("bp", note="the single-device baseline that the paper's table leaves out")
TWO_UPDATERS = "the paper ran one updater per device, with which LPP-SGD is LAP-SGD"

ASYNC_ROWS = (
    Row("async_lu"),
    Row("async_bu"),
    Row("lapsgd"),
    Row("lppsgd"),
    Row("lapsgd", {"updaters": 2}, note=TWO_UPDATERS),
    Row("lppsgd", {"updaters": 2}, note=TWO_UPDATERS),
    BASELINE,
)
DDP_ROWS = (Row("async_lu"), Row("ddp"), BASELINE)

LAP_NOTE = (
    "With one updater per device LAP-SGD and LPP-SGD are the same algorithm (REFERENCES); the authors' code gives them "
    "torchvision's 7 x 7 stem, here every row has the workload's."
)
RATE_NOTE = (
    "Every row follows the same schedule per sample; LAP-SGD, LPP-SGD and DDP make a third of the updates per epoch."
)
SPEEDUP_NOTE = (
    "Speed-up: seconds per epoch of BP over those of the method, both against one shared baseline here; the paper "
    "divides each method by its own framework's single-GPU run."
)

# ---- what the tables of paper B have in common

B_MEASURES = ("train_accuracy_percent", "test_accuracy_percent", "train_time_seconds")
B_LOSSES = ("train_loss", "test_loss", *B_MEASURES)
B_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "lapsgd": {"learning_rate": "linear"},
    "lppsgd": {"learning_rate": "linear"},
}
STEPS = {"schedule.kind": "multistep"}
"""MB-SGD and PL-SGD keep the steps of Lin et al.; LAP-SGD and LPP-SGD anneal by a cosine (section 3.1)."""


def mb(batch: int, **options: Any) -> Row:
    return Row("mbsgd", options, batch=batch, workload=STEPS)


def pl(batch: int, **options: Any) -> Row:
    return Row("plsgd", options, batch=batch, workload=STEPS)


def lap(updaters: int, batch: int, **options: Any) -> Row:
    devices = {"devices": options.pop("devices")} if "devices" in options else {}
    return Row("lapsgd", {**devices, "updaters": updaters, **options}, batch=batch)


def lpp(updaters: int, batch: int, **options: Any) -> Row:
    devices = {"devices": options.pop("devices")} if "devices" in options else {}
    return Row("lppsgd", {**devices, "updaters": updaters, **options}, batch=batch)


B_NOTE = (
    "The learning rate grows with devices x batch (section 1.1), from one worker's rate over the warm-up; MB-SGD and "
    "PL-SGD step down, LAP-SGD and LPP-SGD anneal by a cosine, as the paper says: rows differ in more than the method."
)
T_NOTE = (
    "Training time is that of all epochs on the table's clock: simulated here, with the whole run's logging and "
    "evaluation in the paper."
)
