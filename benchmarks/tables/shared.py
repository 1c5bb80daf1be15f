"""Rows and notes that several tables share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.tables.definition import Row

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
    "With one updater per device LAP-SGD and LPP-SGD are the same algorithm; the authors' code gives them "
    "torchvision's 7 x 7 stem, here every row has the workload's (docs/papers.md)."
)

RATE_NOTE = (
    "Every row follows the same schedule per sample; LAP-SGD, LPP-SGD and DDP make a third of the updates per epoch."
)

SPEEDUP_NOTE = (
    "Speed-up: seconds per epoch of BP over those of the method, both against one shared baseline here; the paper "
    "divides each method by its own framework's single-GPU run."
)

B_MEASURES = ("train_accuracy_percent", "test_accuracy_percent", "train_time_seconds")

B_LOSSES = ("train_loss", "test_loss", *B_MEASURES)

B_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "lapsgd": {"learning_rate": "linear"},
    "lppsgd": {"learning_rate": "linear"},
}

STEPS = {"schedule.kind": "multistep"}
"""MB-SGD and PL-SGD keep the step schedule of Lin et al.; LAP-SGD and LPP-SGD anneal by a cosine (section 3.1)."""


def mb(batch: int, **options: Any) -> Row:
    return Row("mbsgd", options, batch=batch, workload=STEPS)


def pl(batch: int, **options: Any) -> Row:
    return Row("plsgd", options, batch=batch, workload=STEPS)


def lap(updaters: int, batch: int, **options: Any) -> Row:
    return _asynchronous("lapsgd", updaters, batch, options)


def lpp(updaters: int, batch: int, **options: Any) -> Row:
    return _asynchronous("lppsgd", updaters, batch, options)


def _asynchronous(method: str, updaters: int, batch: int, options: dict[str, Any]) -> Row:
    """Returns a row whose key starts with its devices, if it sets any."""
    devices = {"devices": options.pop("devices")} if "devices" in options else {}
    return Row(method, {**devices, "updaters": updaters, **options}, batch=batch)


B_NOTE = (
    "The learning rate grows with devices x batch (section 1.1), from one worker's rate over the warm-up; MB-SGD and "
    "PL-SGD step down, LAP-SGD and LPP-SGD anneal by a cosine, as the paper says: rows differ in more than the method."
)

T_NOTE = (
    "Training time is that of all epochs on the table's clock: simulated here, with the whole run's logging and "
    "evaluation in the paper."
)

EVERY_METHOD = (
    Row("bp"),
    Row("async_lu"),
    Row("async_bu"),
    Row("pipeline"),
    Row("pipeline", {"weights": "forward"}, note="with stashed weights"),
    Row("hogwild"),
    Row("ddp"),
    Row("lsgd", {"learning_rate": "published"}, note="AdamW, unlike SGD, is not given a rate by the batch"),
    Row("lapsgd"),
    Row("lppsgd", {"updaters": 2}, note="with one updater per device LPP-SGD is LAP-SGD"),
    Row("pdasgd"),
)
"""A row for every method of the suite: first those on one model, then those on replicas."""

ONE_OPTIMIZER = (
    "Every row has the optimizer state of its method: one per layer on one model, one per replica on several, which "
    "averages leave where it is."
)

ONE_RATE = (
    "Every row follows the same schedule per sample, at a rate chosen for BP; rows on three devices make a third "
    "of the updates per epoch. `tune` gives each row its own."
)
