"""`replay`: repeats a recorded run in one thread, and checks that its losses are equal to the last bit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

import methods
from benchmarks.commands.choose import usable_device
from benchmarks.commands.kept_runs import check_data, check_own_files, find
from benchmarks.commands.screen import say
from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.executors.errors import ScheduleMismatch, WorkerFailed
from benchmarks.executors.replay.executor import ReplayExecutor
from benchmarks.runner import identity
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.training import Training, load_data
from benchmarks.workloads.own import Own, OwnFiles
from benchmarks.workloads.own_files import load
from benchmarks.workloads.workload import Workload
from results.records import Evaluation, Record, schedule

SAME = ("train_loss", "train_accuracy_percent", "loss", "accuracy_percent", "staleness_updates")
"""Metrics that a replay has in common with its run; seconds differ."""


def replay(run: str, out: Path, data: Path | None, plugins: Sequence[Path], files: OwnFiles, console: Console) -> int:
    """Replays a recorded run, and writes nothing -> the exit code 0 where every epoch is the same, else 1.

    Raises:
        UserError: there is no such run, it was not recorded, or its sources, torch or data are not those at hand.
        ResultsError: its journal or its schedule cannot be used.
    """
    record, epochs = replayed(run, out, data, plugins, files)
    say(console, f"Replaying {record.labels.method_title}, seed {record.seed}, run {record.id[:12]}, in one thread.")
    for point, wrong in epochs:
        if wrong:
            say(console, wrong)
            return 1
        say(console, f"epoch {point.epoch}: {', '.join(f'{name} {point.metrics[name]!r}' for name in SAME[::2])}")
    count = len(record.evaluations)
    epochs_replayed = f"{count} epochs" if count > 1 else "1 epoch"
    say(console, f"{epochs_replayed} replayed in one thread: all losses equal to the last bit.")
    return 0


def replayed(
    run: str, out: Path, data: Path | None, plugins: Sequence[Path], files: OwnFiles
) -> tuple[Record, Iterator[tuple[Evaluation, str]]]:
    """Returns the recorded run, and its epochs as they are replayed, each with "" or how it differs, which is the last.

    Raises as `replay`.
    """
    for path in plugins:
        methods.load_plugin(path.expanduser().resolve())
    own = load(files)
    record = find(run, out)
    _check(record, data, own)
    return record, _epochs(record, data, own)


def _epochs(record: Record, data: Path | None, own: Own) -> Iterator[tuple[Evaluation, str]]:
    epochs = schedule.load(record.path.parent)
    training, executor = _training(record, data, own)
    for point in record.evaluations:
        epoch = int(point.epoch)  # evaluated once in each, as all that is recorded
        executor.follow(epochs[epoch - 1] if epoch <= len(epochs) else ())
        try:
            wrong = _difference(point, training.epoch(epoch - 1))
        except (ScheduleMismatch, WorkerFailed) as error:
            wrong = f"{error}."
        was = record.environment.get("cpu")
        other_cpu = wrong and was not in (None, cpu_name())
        yield point, wrong + (f" It was recorded on {was}, and this is {cpu_name()}." if other_cpu else "")
        if wrong:
            return


def _check(record: Record, data: Path | None, own: Own) -> None:
    """Raises UserError unless the run was recorded, by these sources and this torch, on this data."""
    spec = record.spec
    check_own_files(record, own)
    if not spec.recorded:
        raise UserError(f"Run {record.id[:12]} was not recorded: run it with --executor threads --record.")
    if not record.evaluations:
        raise UserError(f"Run {record.id[:12]} ended before its first evaluation: there is nothing to compare with.")
    kind = methods.method_class(spec.method.name)
    files = own.files_of(spec.workload.network, spec.workload.task)
    now = identity.version(kind, spec.executor, spec.workload), identity.sources(kind, files)
    if now != (spec.numerics, spec.sources):
        commit = record.environment.get("commit") or "not known"
        raise UserError(f"These sources are not those that made run {record.id[:12]} (its commit: {commit}).")
    if identity.torch_minor() != spec.torch:
        raise UserError(f"Run {record.id[:12]} was made by torch {spec.torch}, and this is {identity.torch_minor()}.")
    check_data(record, data, own)
    usable_device(spec.device)


def _training(record: Record, data: Path | None, own: Own) -> tuple[Training, ReplayExecutor]:
    spec = record.spec.model_copy(update={"executor": executors.REPLAY.name, "recorded": None})
    training = Training(spec, load_data(Workload.of(spec.workload, own), data), None, own=own)
    assert isinstance(training.executor, ReplayExecutor)
    return training, training.executor


def _difference(point: Evaluation, metrics: Mapping[str, float]) -> str:
    """Returns a sentence about the first metric that differs, "" where none does."""
    for name in SAME:
        was, now = (
            of_point.get(name, math.nan) for of_point in (point.metrics, metrics)
        )  # a task may lack an accuracy
        if was != now and not (math.isnan(was) and math.isnan(now)):
            return f"Epoch {point.epoch}: {name} is {now!r} in the replay, and {was!r} in the journal."
    return ""
