"""Trains the runs of a job's shard, each under its lease, by the pool that trains runs on a single machine.

What a job has to say goes into journals and notes; nothing that it returns is read. Asked to leave, by SIGUSR2 before
its time limit or by SIGTERM, it ends its runs with a checkpoint each; before its time limit it has itself queued again.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import methods
from benchmarks.errors import USER_ERRORS
from benchmarks.runner import environment, gpus, identity
from benchmarks.runner.checkpoints.file import found as checkpoints
from benchmarks.runner.engines import cluster
from benchmarks.runner.engines.shards import LOGS, Note, Shard, take_note
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, signals
from benchmarks.runner.processes.messages import Ended, Event, Remark, Setting
from benchmarks.workloads import own_files
from results.records import JOURNAL, folder_of
from results.records.journal import is_complete

LEFT = 75
"""The exit code of a job that was asked to leave: a temporary failure (sysexits.h)."""


def serve(path: str) -> None:
    """Train the runs of the shard at this path."""
    signals.command.listen((signal.SIGUSR2, signal.SIGTERM), seconds=None)
    shard = Shard.read(Path(path))
    before = _places(shard)
    try:
        _train(shard)
    except signals.Signalled as asked:
        signals.signalled(asked)
        if asked.number == signal.SIGUSR2 and _places(shard) != before:  # else it would come again for ever
            cluster.ask("scontrol", "requeue", _id())
        sys.exit(LEFT)


def _train(shard: Shard) -> None:
    for plugin in shard.setting.plugins:
        methods.load_plugin(plugin)
    log = {"log": str(shard.path.parent / LOGS / f"{_id()}_0_log.out")}
    parts = own_files.load(shard.setting.own)
    accepted = [run for one in shard.runs if not _refused(run := replace(one, parts=parts), shard)]
    runs = [replace(run, labels=run.labels.model_copy(update=log)) for run in accepted]
    if not runs:
        return
    setting = _here(shard.setting, runs[0].spec.device)

    def listen(event: Event) -> None:
        if isinstance(event, Remark):
            take_note(shard.path, Note(event.id, "remark", event.sentence))
        elif isinstance(event, Ended) and event.status == "failed":
            take_note(shard.path, Note(event.id, "failed", event.reason))

    try:
        pool.train_all(runs, setting, jobs=max(1, len(setting.gpus)), listen=listen)
    except USER_ERRORS as error:
        for run in runs:
            take_note(shard.path, Note(run.id, "failed", str(error)))
        raise


def _here(setting: Setting, device: str) -> Setting:
    """The setting with this node's environment and the GPUs that the job was given."""
    found = environment.describe(device)
    command = {"command": setting.environment.get("command"), "job": _id()}
    return replace(setting, environment={**found, **command}, gpus=gpus.each() if device == "cuda" else ())


def _refused(run: Run, shard: Shard) -> bool:
    """Whether the run would be another on this node; if so, notes the run as failed."""
    why = identity.different(run.spec, shard.setting.environment.get("sources"), run.parts)
    if not why and not run.spec.hardware.sha256:
        seen = gpus.found() if run.spec.device == "cuda" else None
        here = identity.hardware_of(None, seen)
        if (here.name, here.cores) != (run.spec.hardware.name, run.spec.hardware.cores):
            why = f"hardware: planned for {run.spec.hardware.name}, and it has {here.name}, {here.cores or 1} cores"
    if why:
        take_note(shard.path, Note(run.id, "failed", f"node {os.uname().nodename} has other {why}"))
    return bool(why)


def _places(shard: Shard) -> list[tuple[bool, list[str]]]:
    """Progress of the shard's runs (complete, names of checkpoints): a job that leaves it unchanged is not repeated."""
    out = shard.setting.out
    return [
        (is_complete(folder_of(out, run.id) / JOURNAL), [path.name for path in checkpoints(out, run.id)])
        for run in shard.runs
    ]


def _id() -> str:
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
