"""The papers' tables: one short file of literals each, checked when it is read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import methods
from benchmarks.errors import UserError
from benchmarks.workloads import FAMILIES, NETWORKS
from results import published

IDS = ("table1", "table2", "table3", "table4", "table7", "table8")

MEASURES = {
    "time_to_target_seconds": "time to target",
    "epochs_to_target": "epochs to target",
    "best_accuracy_percent": "best accuracy (%)",
    "time_to_best_seconds": "time to best",
    "epochs_to_best": "epochs to best",
    "relative_speedup": "speed-up over BP",
}


@dataclass(frozen=True)
class Row:
    """A method with its options. Its key names it in records, published values and MLflow."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def key(self) -> str:
        suffix = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.method}@{suffix}" if suffix else self.method

    @property
    def label(self) -> str:
        title = methods.method_class(self.method).title
        suffix = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return f"{title}, {suffix}" if suffix else title


@dataclass(frozen=True)
class Table:
    """A view of runs: its grid, its measures, the paper it is laid beside."""

    id: str
    title: str
    source: str
    family: str
    rows: tuple[Row, ...]
    measures: tuple[str, ...]
    networks: tuple[str, ...] = NETWORKS
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.family not in FAMILIES or not set(self.networks) <= set(NETWORKS):
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
            methods.create(row.method, row.options)


@cache
def table(id: str) -> Table:
    """Raises UserError, offering the nearest names, when there is none."""
    if id not in IDS:
        raise UserError(methods.unknown("table", id, IDS))
    found: Table = importlib.import_module(f"benchmarks.tables.{id}").TABLE
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
