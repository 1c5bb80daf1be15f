"""Runs in a job: trains its shard's runs, each under its lease, by the pool that trains runs on a single machine.

A job reports by journals and notes. At SIGTERM, or at SIGUSR2 shortly before its time limit, it ends its runs with
checkpoints; at SIGUSR2 it also queues itself again.
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
from benchmarks.runner.checkpoints.file import existing as checkpoints
from benchmarks.runner.engines import cluster
from benchmarks.runner.engines.shards import LOGS, Note, Shard, take_note
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, signals
from benchmarks.runner.processes.messages import Ended, Event, Remark
from benchmarks.workloads import own_files
from results.records import JOURNAL, folder_of
from results.records.journal import is_complete

LEFT = 75
"""Exit code of a job that ended at a signal: a temporary failure (sysexits.h)."""


def serve(path: str) -> None:
    """Trains the runs of the shard at this path."""
    signals.command.listen((signal.SIGUSR2, signal.SIGTERM), seconds=None)
    shard = Shard.read(Path(path))
    before = _progress(shard)
    try:
        _train(shard)
    except signals.Signalled as request:
        signals.signalled(request)
        if request.number == signal.SIGUSR2 and _progress(shard) != before:  # else it could come again without end
            cluster.ask("scontrol", "requeue", _id())
        sys.exit(LEFT)


def _train(shard: Shard) -> None:
    for plugin in shard.setting.plugins:
        methods.load_plugin(plugin)
    log, parts = f"{_id()}_0_log.out", own_files.load(shard.setting.own)
    runs = []
    for planned in shard.runs:
        run = replace(planned, parts=parts)
        if difference := _differs(run, shard):
            take_note(shard.path, Note(run.id, "failed", f"node {os.uname().nodename} has other {difference}"))
        else:
            labels = run.labels.model_copy(update={"log": str(shard.path.parent / LOGS / log)})
            runs.append(replace(run, labels=labels))
    if not runs:
        return
    device = runs[0].spec.device
    job_facts = {"command": shard.setting.environment.get("command"), "job": _id()}
    setting = replace(
        shard.setting,
        environment={**environment.describe(device), **job_facts},
        gpus=gpus.each() if device == "cuda" else (),
    )

    def listen(event: Event) -> None:
        if isinstance(event, Remark):
            take_note(shard.path, Note(event.id, "remark", event.text))
        elif isinstance(event, Ended) and event.status == "failed":
            take_note(shard.path, Note(event.id, "failed", event.reason))

    try:
        pool.train_all(runs, setting, jobs=max(1, len(setting.gpus)), listen=listen)
    except USER_ERRORS as error:
        for run in runs:
            take_note(shard.path, Note(run.id, "failed", str(error)))
        raise


def _differs(run: Run, shard: Shard) -> str:
    """Returns what on this node would change the run's identity; "" for nothing."""
    difference = identity.different(run.spec, shard.setting.environment.get("sources"), run.parts)
    planned = run.spec.hardware
    if difference or planned.sha256:  # under the virtual clock no node's hardware matters
        return difference
    hardware = identity.hardware_of(None, gpus.detect() if run.spec.device == "cuda" else None)
    if (hardware.name, hardware.cores) == (planned.name, planned.cores):
        return ""
    return f"hardware: planned for {planned.name}, and it has {hardware.name}, {hardware.cores or 1} cores"


def _progress(shard: Shard) -> list[tuple[bool, list[str]]]:
    """Returns, for each run, whether it is complete, and its checkpoints."""
    out = shard.setting.out
    return [
        (is_complete(folder_of(out, run.id) / JOURNAL), [path.name for path in checkpoints(out, run.id)])
        for run in shard.runs
    ]


def _id() -> str:
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
