"""`--engine`: checked, and what a node of the cluster is, before anything is planned or queued."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.commands import resolve
from benchmarks.commands.options import EngineOptions, Selection
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.runner.engines import cluster, options, probe
from benchmarks.runner.engines.options import ENGINES
from benchmarks.runner.engines.slurm import Slurm
from benchmarks.runner.node import Node
from benchmarks.runner.pace import Pace
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Ended, Setting
from benchmarks.views.journals import Journals


@dataclass(frozen=True)
class Engine:
    """A cluster's. node: what was found there; None: nobody asked yet. detach: nobody follows."""

    slurm: Slurm
    node: Node | None
    detach: bool = False

    def ready(self, missing: Sequence[Run], found: Journals, node: Node | None) -> int:
        """-> jobs side by side, at most. Raises UserError where a job's time is too short."""
        pace = Pace(found.records, node)
        self.slurm.check_time(missing, pace)
        self.slurm.expect(missing, pace)
        return self.slurm.width(missing)

    @property
    def train_all(self) -> Callable[..., dict[str, Ended]]:
        """As pool.train_all."""
        return self.slurm.train_all

    def leave(self, missing: Sequence[Run], setting: Setting) -> int:
        """Submit, say so, and follow nothing -> the exit code 0."""
        self.slurm.say(self.slurm.detached(missing, setting))
        return 0


def prepare(
    given: EngineOptions, selection: Selection, jobs: int | None, console: Console, *, detachable: bool = True
) -> Engine | None:
    """None for the local one. Asks a node what it is, by a job, unless one has answered. Raises UserError.

    detachable: whether the command has nothing to do but what it submits.
    """
    slurm = _slurm(given, jobs, console)
    if slurm is None:
        return None
    if given.detach and not detachable:
        raise UserError("--detach is for `run`: a search chooses its next runs by those that are done; leave it out.")
    cluster.check_installed()
    cluster.check_partition(slurm.options.partition)
    resolve.check_out(selection.out)
    question = probe.Question.here(_paths(selection))
    node = probe.ask(question, selection.out, slurm.options, slurm.say, slurm.sleep)
    if node.gpus is not None and node.gpus.count > 1:
        note(console, [f"A job has {node.gpus.count} GPUs, and trains as many of its runs side by side."])
    return Engine(slurm, node, given.detach)


def imagine(given: EngineOptions, out: Path, jobs: int | None, console: Console) -> Engine | None:
    """The same for `show`: nobody is asked, and what a node is holds as it was last found. Raises UserError."""
    slurm = _slurm(given, jobs, console)
    return Engine(slurm, probe.known(out)) if slurm is not None else None


def _slurm(given: EngineOptions, jobs: int | None, console: Console) -> Slurm | None:
    if resolve.one_of("engine", given.engine, ENGINES) == "local":
        for name, value in (("--slurm", given.slurm), ("--per-task", given.per_task), ("--detach", given.detach)):
            if value:
                raise UserError(f"{name} is for --engine slurm; add that, or leave it out.")
        return None
    if jobs is not None:
        raise UserError("--jobs and --per-device are for this machine; --engine slurm has --per-task, runs of a job.")
    return Slurm(options.chosen(given.slurm or (), given.per_task), lambda text: say(console, text))


def _paths(selection: Selection) -> list[Path]:
    """What a job has to see, of what the command line names."""
    networks = [Path(word.partition(":")[0]) for word in selection.network or () if ".py" in word]
    usual = Path(os.environ["BENCHMARKS_DATA"]) if os.environ.get("BENCHMARKS_DATA") else None
    named = (selection.data or usual, selection.data_card, *(selection.plugin or ()), *networks)
    return [selection.out, *(path.expanduser() for path in named if path is not None)]
