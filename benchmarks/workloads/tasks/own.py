"""Tasks of one's own: `TASK = Task(...)` in a Python file, as in the files beside this one.

Nothing here is imported until a file is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.workloads import own_code
from benchmarks.workloads.own_code import error_in_file, place
from benchmarks.workloads.tasks import OwnTask, Task, names
from results.records.spec import METRICS, VALIDATION, Judge

JUDGED_BY = {"accuracy_percent": "more", "loss": "less"}
"""The metrics of which tables have the best, with the way that is better."""
_SUITES = frozenset({*METRICS, "bits_per_byte"} - {*JUDGED_BY})
"""Metrics of an evaluation that no task gives."""


def load(path: Path) -> OwnTask:
    """Loads the task that a file defines. Raises UserError where it has none that can be trained for."""
    file = path.expanduser().resolve()
    task = getattr(own_code.load(file, "--task", "plugin_task_"), "TASK", None)
    if not isinstance(task, Task):
        problem = "it has none" if task is None else f"TASK is a {type(task).__name__}"
        raise UserError(
            f"{file.name}: a file for --task has `TASK = Task(...)`, and {problem}: `new task my_task` begins one."
        )
    if problem := next(_problems(task), ""):
        raise UserError(f"{file.name}: the TASK's {problem}.")
    return OwnTask(file, task)


def _problems(task: Task) -> Iterator[str]:
    """Yields what is wrong with the fields; later checks rely on earlier ones."""
    judge: object = task.judge
    if not isinstance(judge, Judge):
        yield f"judge is a {type(judge).__name__}, not a Judge(...)"
    for field in ("loss", "sums", "output_shape", *([] if task.right is None else ["right"])):
        if not callable(value := getattr(task, field)):
            yield f"{field} is a {type(value).__name__}, not a function"
    for field in ("name", "title", "output_words"):
        if not isinstance(value := getattr(task, field), str) or not value or not value.isprintable():
            yield f"{field} is {value!r}, not a line of text"
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", task.name, re.ASCII):
        yield f"name is {task.name!r}, not of letters, digits, '_', '-' and '.' alone"
    if task.name in names():
        yield f"name {task.name} is taken by a task of the suite: give it another"
    if JUDGED_BY.get(task.judge.metric) != task.judge.better:
        ways = " or ".join(f"metric={metric!r}, better={better!r}" for metric, better in JUDGED_BY.items())
        yield f"judge has metric={task.judge.metric!r}, better={task.judge.better!r}, and tables need {ways}"


def output_shape(registered: OwnTask, inputs: tuple[int, ...], labels: int) -> tuple[int, ...]:
    """Returns the shape that outputs must have.

    Raises UserError where the file's function fails, or returns no shape.
    """
    with error_in_file(registered.file, "output_shape fails"):
        shape: object = registered.task.output_shape(inputs, labels)
    if not _is_shape(shape) or shape[0] != inputs[0]:
        line = place(registered.file, registered.task.output_shape)
        raise UserError(
            f"{line}: output_shape of inputs {inputs} is {shape!r}, not a shape that begins with {inputs[0]} and has "
            "another size."
        )
    return shape


def _is_shape(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and len(value) > 1 and all(isinstance(size, int) and size > 0 for size in value)


def check_on_random_batch(registered: OwnTask, outputs: tuple[int, ...], targets: Tensor) -> None:
    """Computes loss and sums of random outputs of this shape. targets: of a batch of two.

    Raises UserError where a function fails, or returns no scalar, no finite one, or a loss without a gradient.
    """
    sample = torch.rand(outputs, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with error_in_file(registered.file, "loss fails"):
        loss: object = registered.task.loss(sample, targets)
    line = f"{place(registered.file, registered.task.loss)}: loss"
    mean = _scalar(line, loss)
    if not mean.requires_grad:
        raise UserError(f"{line} has no gradient by the outputs.")
    with error_in_file(registered.file, "the backward pass of loss fails"):
        mean.backward()  # type: ignore[no-untyped-call]
    if sample.grad is None or not bool(torch.isfinite(sample.grad).all()):
        raise UserError(f"{line} has no finite gradient by the outputs.")
    _try_sums(registered, sample.detach(), targets)


def _try_sums(registered: OwnTask, outputs: Tensor, targets: Tensor) -> None:
    with error_in_file(registered.file, "sums fails"):
        sums: object = registered.task.sums(outputs, targets)
    line = place(registered.file, registered.task.sums)
    metrics = {"loss", registered.task.judge.metric}
    if not isinstance(sums, Mapping) or not metrics <= sums.keys():
        content = ", ".join(map(str, sums)) if isinstance(sums, Mapping) else f"a {type(sums).__name__}"
        raise UserError(f"{line}: sums gives {content}, not a dict with {' and '.join(map(repr, sorted(metrics)))}.")
    for metric in sums:
        if not str(metric).isidentifier() or metric in _SUITES or str(metric).startswith(VALIDATION):
            raise UserError(f"{line}: sums gives {metric!r}, a name that is the suite's own or no name: take another.")
    for metric, value in sums.items():
        _scalar(f"{line}: sums[{metric!r}]", value)
    if registered.task.right is not None:
        with error_in_file(registered.file, "right fails"):
            hits: object = registered.task.right(outputs, targets)
        _scalar(f"{place(registered.file, registered.task.right)}: right", hits)


def _scalar(name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor) or value.dim():
        kind = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise UserError(f"{name} is {kind}, not a scalar, a tensor of shape ().")
    if not bool(torch.isfinite(value)):
        raise UserError(f"{name} is {value.item()} of a batch of 2, before any training.")
    return value
