"""Trains missing runs and reports on it, for every command that trains."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.commands.screen import say
from benchmarks.errors import Interrupted
from benchmarks.runner import environment, gpus, plan, weights
from benchmarks.runner.checkpoints import file as checkpoints
from benchmarks.runner.checkpoints import keeper
from benchmarks.runner.choices import Choices
from benchmarks.runner.engines.slurm import Slurm
from benchmarks.runner.grid import Grid
from benchmarks.runner.options import TrainingOptions
from benchmarks.runner.pace import Pace, crowding
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, signals
from benchmarks.runner.processes.messages import Setting
from benchmarks.runner.progress import Display, duration
from benchmarks.runner.progress import runs as many
from benchmarks.runner.tuning.search import TuningBudget
from benchmarks.views import journals
from benchmarks.views.journals import Journals
from benchmarks.views.tuning.tuned import Search, search
from benchmarks.workloads.data.present import check_downloadable
from results.records import Record, folder_of

NAMED = 3
"""Runs that a sentence names."""


@dataclass
class Trainer:
    """Trains runs into a folder, here or on a cluster (`slurm`).

    jobs: runs side by side, here. tracked: whether MLflow is fed afterwards. seen: ids of the runs trained by this
    command, which trains none twice. failed: a sentence for each run that failed.
    """

    chosen: Choices
    out: Path
    options: TrainingOptions
    console: Console
    jobs: int = 1
    slurm: Slurm | None = None
    tracked: bool = True
    seen: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def setting(self, grids: Iterable[Grid]) -> Setting:
        """Returns what all runs of these tables share, for the processes that train."""
        chosen = self.chosen
        on_gpus = chosen.device == "cuda" and chosen.node is None  # a node's GPUs are found there
        return Setting(
            out=self.out,
            data=chosen.data,
            cards={digest: card for grid in grids for digest, card in grid.cards.items()},
            plugins=chosen.plugin_files,
            environment=environment.describe("cuda" if on_gpus else "cpu"),
            gpus=gpus.each() if on_gpus else (),
            own=chosen.own.files,
            options=self.options,
        )

    def missing(self, runs: Sequence[Run], existing: Journals) -> list[Run]:
        """Returns the runs that are still to be trained, in the order of their seeds."""
        remaining = [run for run in plan.in_order(runs) if run.id not in self.seen]
        return [run for run in remaining if self.options.fresh or not existing.done(run)]

    def expect(self, missing: Sequence[Run], existing: Journals) -> None:
        """Asks a cluster how many jobs it trains side by side. Raises UserError where their time is too short."""
        if self.slurm is not None:
            self.jobs = self.slurm.width(missing, Pace(existing.records, self.chosen.node))

    def resumable(self, runs: Sequence[Run], missing: Sequence[Run]) -> str:
        """Returns in words how many missing runs resume from checkpoints; removes the checkpoints of other runs."""
        keeper.prune(self.out, {run.id for run in runs} - {run.id for run in missing})
        resumed = 0 if self.options.fresh else sum(bool(checkpoints.existing(self.out, run.id)) for run in missing)
        return f"; {resumed} to be resumed" if resumed else ""

    def without_weights(self, runs: Sequence[Run], missing: Sequence[Run]) -> str:
        """Returns a sentence on runs done before whose weights are wanted and were not kept; "" without any."""
        trained = {run.id for run in missing}
        done_before = [run for run in runs if run.id not in trained] if self.options.keep_weights else []
        without = [run.title for run in done_before if not (folder_of(self.out, run.id) / weights.FILE).is_file()]
        named = ", ".join([*without[:NAMED], *([f"{len(without) - NAMED} more"] if len(without) > NAMED else [])])
        return (
            f"no weights were kept of {many(len(without))} done before ({named}): --fresh makes them."
            if without
            else ""
        )

    def train(self, missing: Sequence[Run], setting: Setting) -> None:
        """Trains the missing runs and shows their progress.

        Raises UserError where their data are neither here nor to be downloaded, Interrupted where a signal ends the
        command.
        """
        if self.slurm is None:
            for card in {run.work.card.name: run.work.card for run in missing}.values():
                check_downloadable(card, self.chosen.data)
        begun = time.monotonic()
        self.seen |= {run.id for run in missing}
        jobs = min(self.jobs, len(missing))
        busy = crowding(jobs) if self.slurm is None else 1.0
        pace = Pace(journals.read(self.out).records, self.chosen.node, busy)
        self.console.print(f"Expected: {expected(missing, pace, jobs)}", highlight=False, soft_wrap=True)
        train_all = pool.train_all if self.slurm is None else self.slurm.train_all
        with Display(missing, self.console, pace, jobs) as display:
            try:
                ended = train_all(missing, setting, jobs=jobs, listen=display)
            except KeyboardInterrupt as error:
                signal_received = signals.signalled(error)
                raise Interrupted(
                    f"{signal_received.word}: {_interruption(display, missing, setting)}.", signal_received.code
                ) from None
        seconds = duration(time.monotonic() - begun)
        self.console.print(f"{many(len(missing))} in {seconds} (wall clock)", highlight=False)
        existing = journals.read(self.out)
        for run in missing:
            end, record = ended.get(run.id), existing.exact(run)
            if end is not None and end.status == "failed":
                journal = f" [its journal: {record.path}]" if record is not None else ""
                self.failed.append(f"{run.title}: {end.reason}{journal}")
            elif end is not None and not existing.done(run):
                why = "it was trained, and its journal in --out is gone or damaged; run again."
                self.failed.append(f"{run.title}: {why}")

    def print_failures(self) -> None:
        """Prints which runs failed."""
        for sentence in self.failed:
            self.console.print(f"[bold red]Failed:[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def expected(runs: Sequence[Run], pace: Pace, jobs: int) -> str:
    """Returns in words how long training the runs takes, and what this estimate is based on."""
    if not runs:
        return "nothing is to be trained"
    return f"about {duration(pace.seconds(runs, jobs))} of training (wall clock), {pace.basis(runs)}"


def _interruption(display: Display, missing: Sequence[Run], setting: Setting) -> str:
    """Returns in words what is kept of runs that were ended early, and what the same command does about the rest."""
    again = "the same command without --fresh" if setting.options.fresh else "the same command"
    status = f"{display.done} of {many(len(missing))} done"
    if not (display.done or display.begun):
        return f"none of {many(len(missing))} had begun; {again} begins {'it' if len(missing) == 1 else 'them'}"
    unsaved = sum(not checkpoints.existing(setting.out, id) for id in display.begun)
    if not unsaved:
        return f"{status} and kept; {again} carries on"
    if display.done or unsaved < len(display.begun):
        return (
            f"{status} and kept; {again} carries on, but begins {many(unsaved)} anew, of which there is no checkpoint"
        )
    return f"{status}, and no checkpoint of the {unsaved} under way; {again} begins anew"


def search_rows(grid: Grid, trainer: Trainer, budget: TuningBudget) -> list[Search]:
    """Returns the searches of all rows, carried on until each is over, or waits for a run that failed.

    A rate is chosen by runs of exactly their identity; with --fresh by those that this command has trained.
    """
    while True:
        journal = journals.read(trainer.out)

        def done(run: Run, journal: Journals = journal) -> Record | None:
            counts = journal.done(run) and (run.id in trainer.seen or not trainer.options.fresh)
            return journal.exact(run) if counts else None

        searches = [search(cell, budget, done) for cell in grid.cells]
        if not train_missing(grid, trainer, [run for searched in searches for run in searched.open], "Trials"):
            return searches


def train_missing(grid: Grid, trainer: Trainer, runs: Sequence[Run], label: str) -> bool:
    """Trains those that are missing -> whether there were any."""
    existing = journals.read(trainer.out)
    missing = trainer.missing(plan.distinct(runs), existing)
    if missing:
        trainer.expect(missing, existing)
        resumed = trainer.resumable(missing, missing)
        say(trainer.console, f"{label}: {many(len(missing))}, {trainer.jobs} at a time{resumed}")
        trainer.train(missing, trainer.setting([grid]))
    return bool(missing)
