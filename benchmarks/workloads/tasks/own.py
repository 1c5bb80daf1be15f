"""Tasks of one's own: `TASK = Task(...)` in a Python file, as in the files beside this one.

Nothing here is imported until a file is named.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.workloads import own_code
from benchmarks.workloads.own_code import place, told
from benchmarks.workloads.tasks import OwnTask, Task, names
from results.records.spec import METRICS, Judge

JUDGED_BY = {"accuracy_percent": "more", "loss": "less"}
"""The metrics of which tables have the best, with the way that is better."""
_FUNCTIONS = ("loss", "sums", "output_shape")
_SUITES = frozenset({*METRICS, "bits_per_byte"} - {*JUDGED_BY})
"""Metrics of an evaluation that no task gives."""


def load(path: Path) -> OwnTask:
    """The task of a file. Raises UserError where the file has none that can be trained for."""
    file = path.expanduser().resolve()
    made = getattr(own_code.load(file, "--task", "plugin_task_"), "TASK", None)
    where = _where(file)
    if not isinstance(made, Task):
        there = "it has none" if made is None else f"TASK is a {type(made).__name__}"
        raise UserError(
            f"{where}: a file for --task has `TASK = Task(...)`, and {there}: `new task my_task` begins one."
        )
    if wrong := _wrong(made):
        raise UserError(f"{where}: {wrong}.")
    return OwnTask(file, made)


def _where(file: Path) -> str:
    """The file, and the line on which it gives its task a name, if it does so plainly."""
    lines = ast.parse(file.read_bytes()).body
    named = [line.lineno for line in lines if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "TASK"]
    return f"{file.name}, line {named[-1]}" if named else file.name


def _wrong(made: Task) -> str:
    """The first thing that is wrong with its fields, in words; "" for nothing."""
    for field in fields(Task):
        value = getattr(made, field.name)
        if field.name == "judge":
            if not isinstance(value, Judge):
                return f"judge is a {type(value).__name__}, not a Judge(...)"
        elif field.name in _FUNCTIONS or field.name == "right":
            if not callable(value) and (field.name != "right" or value is not None):
                return f"{field.name} is a {type(value).__name__}, not a function"
        elif not isinstance(value, str) or not value or not value.isprintable():
            return f"{field.name} is {value!r}, not a line of text"
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", made.name, re.ASCII):
        return f"name is {made.name!r}, not of letters, digits, '_', '-' and '.' alone"
    if made.name in names():
        return f"the name {made.name} is taken by a task of the suite: give it another"
    if JUDGED_BY.get(made.judge.metric) != made.judge.better:
        ways = " or ".join(f"metric={metric!r}, better={better!r}" for metric, better in JUDGED_BY.items())
        return f"runs are judged by metric={made.judge.metric!r}, better={made.judge.better!r}, and tables know {ways}"
    return ""


def output_shape(own: OwnTask, inputs: tuple[int, ...], labels: int) -> tuple[int, ...]:
    """The shape that outputs have to have. Raises UserError where the file's function fails, or gives no shape."""
    with told(own.file, "output_shape fails"):
        made: object = own.task.output_shape(inputs, labels)
    if not _is_shape(made) or made[0] != inputs[0]:
        where = place(own.file, own.task.output_shape)
        raise UserError(
            f"{where}: output_shape of inputs {inputs} is {made!r}, not a shape that begins with {inputs[0]} and has "
            "another size."
        )
    return made


def _is_shape(made: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(made, tuple) and len(made) > 1 and all(isinstance(size, int) and size > 0 for size in made)


def try_out(own: OwnTask, outputs: tuple[int, ...], targets: Tensor) -> None:
    """Computes loss and sums of random outputs of that shape, for a batch of two targets.

    Raises UserError where a function fails, or gives no scalar, no finite one, or none with a gradient.
    """
    given = torch.rand(outputs, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with told(own.file, "loss fails"):
        loss: object = own.task.loss(given, targets)
    where = f"{place(own.file, own.task.loss)}: loss"
    mean = _scalar(where, loss)
    if not mean.requires_grad:
        raise UserError(f"{where} has no gradient by the outputs.")
    with told(own.file, "the backward pass of loss fails"):
        mean.backward()  # type: ignore[no-untyped-call]
    if given.grad is None or not bool(torch.isfinite(given.grad).all()):
        raise UserError(f"{where} has no finite gradient by the outputs.")
    _try_sums(own, given.detach(), targets)


def _try_sums(own: OwnTask, outputs: Tensor, targets: Tensor) -> None:
    with told(own.file, "sums fails"):
        sums: object = own.task.sums(outputs, targets)
    where = place(own.file, own.task.sums)
    wanted = list(dict.fromkeys(["loss", own.task.judge.metric]))
    if not isinstance(sums, Mapping) or not all(metric in sums for metric in wanted):
        there = (
            f"a dict of {', '.join(map(str, sums)) or 'nothing'}" if isinstance(sums, Mapping) else type(sums).__name__
        )
        raise UserError(f"{where}: sums gives {there}, not a dict with {' and '.join(map(repr, wanted))}.")
    if strange := [
        metric for metric in sums if not (isinstance(metric, str) and metric.isidentifier()) or metric in _SUITES
    ]:
        raise UserError(
            f"{where}: sums gives {strange[0]!r}, which is the suite's own or no name: take another, of letters, "
            "digits and '_'."
        )
    for metric, value in sums.items():
        _scalar(f"{where}: sums[{metric!r}]", value)
    if own.task.right is not None:
        with told(own.file, "right fails"):
            hits: object = own.task.right(outputs, targets)
        _scalar(f"{place(own.file, own.task.right)}: right", hits)


def _scalar(where: str, value: object) -> Tensor:
    if not isinstance(value, Tensor) or value.dim():
        what = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise UserError(f"{where} is {what}, not a scalar, a tensor of shape ().")
    if not bool(torch.isfinite(value)):
        raise UserError(f"{where} is {value.item()} of a batch of 2, before any training.")
    return value
