"""`--engine` and `cancel`: checks the options, and asks a node of the cluster, before anything is planned or queued."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from benchmarks.commands import choose
from benchmarks.commands.options import EngineOptions, Selection
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.runner.engines import cluster, options, probe
from benchmarks.runner.engines.options import ENGINES
from benchmarks.runner.engines.slurm import Slurm, cancelled


def prepare(
    engine: EngineOptions, selection: Selection, jobs: int | None, console: Console, *, detachable: bool = True
) -> Slurm | None:
    """Returns the cluster that trains the runs, with what a node of it is; None for this machine. Raises UserError.

    Submits a job that asks a node, unless one has answered before. detachable: whether the command may end once all is
    submitted.
    """
    slurm = configure(engine, selection.out, jobs, console)
    if slurm is None:
        return None
    if engine.detach and not detachable:
        raise UserError("--detach is for `run`: a search chooses its next runs by those that are done; leave it out.")
    cluster.check_installed()
    cluster.check_partition(slurm.options.sbatch.get("partition"))
    choose.check_out(selection.out)
    networks = [Path(word.partition(":")[0]) for word in selection.network or () if ".py" in word]
    usual = Path(os.environ["BENCHMARKS_DATA"]) if os.environ.get("BENCHMARKS_DATA") else None
    named = (selection.data or usual, selection.task, selection.data_card, *(selection.plugin or ()), *networks)
    paths = [selection.out, *(path.expanduser() for path in named if path is not None)]
    slurm.node = probe.ask(probe.Question.here(paths), selection.out, slurm.options, slurm.say, slurm.sleep)
    if slurm.node.gpus is not None and slurm.node.gpus.count > 1:
        note(console, [f"A job has {slurm.node.gpus.count} GPUs, and trains as many of its runs side by side."])
    return slurm


def configure(engine: EngineOptions, out: Path, jobs: int | None, console: Console) -> Slurm | None:
    """Returns the cluster as far as it is known without asking it, for `show`; None for this machine.

    Raises UserError.
    """
    if choose.one_of("engine", engine.engine, ENGINES) == "local":
        for name, value in (("--slurm", engine.slurm), ("--per-task", engine.per_task), ("--detach", engine.detach)):
            if value:
                raise UserError(f"{name} is for --engine slurm; add that, or leave it out.")
        return None
    if jobs is not None:
        raise UserError("--jobs and --per-device are for this machine; --engine slurm has --per-task, runs of a job.")
    slurm_options = options.chosen(engine.slurm or (), engine.per_task)
    return Slurm(slurm_options, lambda text: say(console, text), node=probe.last_node(out), detach=engine.detach)


def cancel(out: Path, console: Console) -> int:
    """Cancels the queued and running jobs of a folder -> the exit code 0. Raises UserError where there is no SLURM."""
    cluster.check_installed()
    ended = cancelled(out)
    if not ended:
        say(console, f"No job of {out} is queued or running.")
        return 0
    running = sum(job.running for job in ended)
    jobs = "1 job" if len(ended) == 1 else f"{len(ended)} jobs"
    say(console, f"{jobs} of {out} cancelled, {running} of them running; the same `run` carries on.")
    return 0
