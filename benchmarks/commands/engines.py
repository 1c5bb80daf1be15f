"""`--engine` and `cancel`: options checked, and a node of the cluster asked, before anything is planned or queued."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from benchmarks.commands import resolve
from benchmarks.commands.options import EngineOptions, Selection
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.runner.engines import cluster, options, probe
from benchmarks.runner.engines.options import ENGINES
from benchmarks.runner.engines.slurm import Slurm, cancelled


def prepare(
    given: EngineOptions, selection: Selection, jobs: int | None, console: Console, *, detachable: bool = True
) -> Slurm | None:
    """The cluster that trains the runs, with what a node of it is; None for this machine. Raises UserError.

    A node is asked by a job, unless one has answered. detachable: whether the command has nothing to do but to submit.
    """
    slurm = imagine(given, selection.out, jobs, console)
    if slurm is None:
        return None
    if given.detach and not detachable:
        raise UserError("--detach is for `run`: a search chooses its next runs by those that are done; leave it out.")
    cluster.check_installed()
    cluster.check_partition(slurm.options.partition)
    resolve.check_out(selection.out)
    networks = [Path(word.partition(":")[0]) for word in selection.network or () if ".py" in word]
    usual = Path(os.environ["BENCHMARKS_DATA"]) if os.environ.get("BENCHMARKS_DATA") else None
    named = (selection.data or usual, selection.task, selection.data_card, *(selection.plugin or ()), *networks)
    paths = [selection.out, *(path.expanduser() for path in named if path is not None)]
    slurm.node = probe.ask(probe.Question.here(paths), selection.out, slurm.options, slurm.say, slurm.sleep)
    if slurm.node.gpus is not None and slurm.node.gpus.count > 1:
        note(console, [f"A job has {slurm.node.gpus.count} GPUs, and trains as many of its runs side by side."])
    return slurm


def imagine(given: EngineOptions, out: Path, jobs: int | None, console: Console) -> Slurm | None:
    """The cluster as far as it is known without asking, for `show`; None for this machine. Raises UserError."""
    if resolve.one_of("engine", given.engine, ENGINES) == "local":
        for name, value in (("--slurm", given.slurm), ("--per-task", given.per_task), ("--detach", given.detach)):
            if value:
                raise UserError(f"{name} is for --engine slurm; add that, or leave it out.")
        return None
    if jobs is not None:
        raise UserError("--jobs and --per-device are for this machine; --engine slurm has --per-task, runs of a job.")
    asked = options.chosen(given.slurm or (), given.per_task)
    return Slurm(asked, lambda text: say(console, text), node=probe.known(out), detach=given.detach)


def cancel(out: Path, console: Console) -> int:
    """End the jobs of a folder that are queued or running -> the exit code 0. Raises UserError without a SLURM."""
    cluster.check_installed()
    ended = cancelled(out)
    if not ended:
        say(console, f"No job of {out} is queued or running.")
        return 0
    running = sum(job.running for job in ended)
    jobs = "1 job" if len(ended) == 1 else f"{len(ended)} jobs"
    say(console, f"{jobs} of {out} cancelled, {running} of them running; the same `run` carries on.")
    return 0
