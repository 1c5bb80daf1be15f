"""Tasks: what a batch is, what a network gives, the loss, and the measures. One file each; each has a `TASK`.

A task is found by its file, so that a new one is that file alone. Imports no torch: a task does, once it computes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.errors import UserError
from methods.errors import unknown
from results.records.spec import Judge

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Task:
    """A task that networks are trained for.

    Args:
        name: as `workload.task` has it.
        title: for people.
        judge: the metric that runs are judged by: early stopping, targets, bests, tuning.
        loss: (outputs, targets) -> the mean loss of a training batch, a scalar; outputs are float32.
        sums: (outputs, targets) -> of each metric of an evaluation its sum over the targets, of which there are
            `targets.numel()`. One of them is "loss", one the judge's.
        right: (outputs, targets) -> how many targets of a training batch were hit, a scalar; None where that makes no
            sense.
        output_shape: (shape of a batch of inputs, classes or words) -> the shape that the network has to give.
        output_words: says that shape in an error.
    """

    name: str
    title: str
    judge: Judge
    loss: Callable[[Tensor, Tensor], Tensor]
    sums: Callable[[Tensor, Tensor], Mapping[str, Tensor]]
    right: Callable[[Tensor, Tensor], Tensor] | None
    output_shape: Callable[[tuple[int, ...], int], tuple[int, ...]]
    output_words: str


@dataclass(frozen=True)
class OwnTask:
    """A user's own task, and the file that defines it."""

    file: Path
    task: Task


@cache
def names() -> tuple[str, ...]:
    """Returns the names of the suite's tasks, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "own"))


@cache
def task(name: str) -> Task:
    """Returns the suite's task of that name. Raises UserError where there is none, offering the nearest."""
    if name not in names():
        raise UserError(unknown("task", name, names()))
    task_found: Task = importlib.import_module(f"{__name__}.{name}").TASK
    return task_found


def check_fit(network: str, shape: tuple[int, ...], expected: tuple[int, ...], task: Task) -> None:
    """Raises UserError unless the network's output has the expected shape, for a batch of two."""
    if shape != expected:
        raise UserError(
            f"{network} makes {shape} of a batch of 2, not {expected}, {task.output_words}: so {task.title} wants it."
        )
