"""`tune`: the same search for every row of a table, then the table as published beside each row at its best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.commands import resolve, training
from benchmarks.commands.engines import Engine
from benchmarks.commands.options import Care
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, ranks
from benchmarks.runner.progress import runs as many
from benchmarks.runner.tuning.search import TuningBudget
from benchmarks.tables.definition import Table
from benchmarks.views import journals, tracked
from benchmarks.views.journals import Journals
from benchmarks.views.notes import clocks
from benchmarks.views.rerun import tuning as again
from benchmarks.views.tuning.names import FOLDER, name_of
from benchmarks.views.tuning.notes import captions, caveats, notes
from benchmarks.views.tuning.order import pairs
from benchmarks.views.tuning.picture import draw
from benchmarks.views.tuning.search import Done, done_by, final_runs, searches, tuned_table
from benchmarks.views.tuning.tables import conditions_of, pairs_table, rows_table, runs_table
from benchmarks.views.tuning.tuned import Search, TunedTable
from reports.tables.files import write
from reports.tables.screen import to_rich
from results.errors import ResultsError
from results.files import own_folder


@dataclass
class _Trainer:
    """Trains what is missing, stage by stage; every run once a command, so that --fresh ends."""

    table: Table
    chosen: Choices
    out: Path
    jobs: int
    care: Care
    console: Console
    engine: Engine | None = None
    seen: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def missing(self, runs: Sequence[Run], found: Journals) -> list[Run]:
        wanted = [run for run in plan.in_order(plan.distinct(runs)) if run.id not in self.seen]
        return [run for run in wanted if self.care.fresh or not found.done(run)]

    def done(self, found: Journals) -> Done:
        """With --fresh, runs count once this command has trained them."""
        exact = done_by(found)
        return lambda run: None if self.care.fresh and run.id not in self.seen else exact(run)

    def train(self, runs: Sequence[Run], what: str) -> None:
        self.seen |= {run.id for run in runs}
        jobs, train_all = self.jobs, pool.train_all
        if self.engine is not None:
            jobs = self.engine.ready(runs, journals.read(self.out), self.chosen)
            train_all = self.engine.train_all
        resumed = training.resumable(runs, runs, self.out, self.care)
        more = f"; {resumed} to be resumed" if resumed else ""
        say(self.console, f"{what}: {many(len(runs))}, {jobs} at a time{more}")
        setting = training.setting([self.table], self.chosen, self.out, self.care)
        ended = training.train(runs, setting, jobs, self.console, train_all, self.chosen.node)
        self.failed += training.failures(runs, ended, journals.read(self.out))


def tune(
    table: Table,
    chosen: Choices,
    budget: TuningBudget,
    *,
    out: Path,
    jobs: int,
    care: Care,
    tracking: bool,
    target: float | None,
    console: Console,
    engine: Engine | None = None,
) -> int:
    """-> the exit code: 0, or 1 if a run failed. engine: a cluster's. Raises as `run`."""
    ranks.started_here(chosen.kind, "tune")
    planned = plan.runs(table, chosen)
    if not planned:
        raise UserError(f"Nothing to tune in {table.id}: --method and --network leave no row of it.")
    if lost := resolve.missing_data(planned, chosen.data):
        raise UserError(lost)
    resolve.check_out(out)
    _announce(table, chosen, budget, planned, console)
    trainer = _Trainer(table, chosen, out, jobs, care, console, engine)
    found = _searched(trainer, budget)
    note(console, journals.read(out).remarks)
    over = [one for one in found if one.over]
    if over:
        tuned = _finals(trainer, over, planned, budget, target)
        _show(tuned, again(table.id, chosen, budget, target), out, console)
        if tracking:
            _track(tuned, target, out, console)
    training.complain(trainer.failed, console)
    for one in found:
        if not one.over:
            say(console, f"Not tuned, since a trial failed: {one.row.label} on {one.network}.")
    return 1 if trainer.failed or len(over) < len(found) else 0


def _announce(table: Table, chosen: Choices, budget: TuningBudget, planned: Sequence[Run], console: Console) -> None:
    rows = len({(run.spec.workload.network, run.labels.row) for run in planned})
    what = f"{rows} row{'' if rows == 1 else 's'} to be tuned, the same budget for each"
    say(console, f"{table.id} at scale {chosen.scale}: {what}", "bold")
    say(console, f"Budget of a row: {budget.words}")
    most = rows * (budget.trials * budget.seeds + len(chosen.seeds)) + len(planned)
    say(console, f"At most {many(most)} in all; those that are there are not repeated.")
    for clock in clocks([table], chosen):
        say(console, f"Clock: {clock}")


def _searched(trainer: _Trainer, budget: TuningBudget) -> list[Search]:
    """The searches of all rows, carried on until each is over, or waits for a run that failed."""
    while True:
        journal = journals.read(trainer.out)
        found = searches(trainer.table, trainer.chosen, budget, trainer.done(journal))
        missing = trainer.missing([run for one in found for run in one.open], journal)
        if not missing:
            return found
        trainer.train(missing, "Trials")


def _finals(
    trainer: _Trainer, over: Sequence[Search], planned: Sequence[Run], budget: TuningBudget, target: float | None
) -> TunedTable:
    """The rows at the table's rates and each at its best, trained where they are missing."""
    at_best = final_runs(trainer.table, over, trainer.chosen)
    if missing := trainer.missing([*planned, *at_best], journals.read(trainer.out)):
        trainer.train(missing, "As published, and at the best rates")
    return tuned_table(trainer.table, trainer.chosen, budget, over, journals.read(trainer.out), target)


def _show(tuned: TunedTable, command: str, out: Path, console: Console) -> None:
    """On the screen the rows alone; files hold the pairs and the runs as well."""
    name = name_of(tuned.published.table.id)
    given = conditions_of(tuned)
    drawn = draw(tuned, own_folder(out, given.folder(out / "figures")) / name)
    found = list(pairs(tuned))
    said = captions(tuned), caveats(tuned, found), notes(tuned, command)
    rows = rows_table(tuned, *said, command).with_pictures(drawn, out)
    console.print()
    console.print(to_rich(rows))
    others = (pairs_table(tuned, found), runs_table(tuned))
    folder = own_folder(out, given.folder(out / FOLDER))
    files = [path for table in (rows, *others) for path in write(table, folder)]
    say(console, f"Written: {', '.join(map(str, (*files, *drawn)))}", style="dim")


def _track(tuned: TunedTable, target: float | None, out: Path, console: Console) -> None:
    """The published rates as `run` does it, what is shown at the best as `track` does; no trials (results.groups)."""
    sheet, found = tuned.published, journals.read(out)
    best = {record.id for record in tuned.sheets["best"].used} - {record.id for record in sheet.used}
    others = [record for record in found.records if record.id in best]
    try:
        say(console, str(tracked.feed([*tracked.kindred([sheet], sheet.choices, found, target), sheet], out)))
        if others:
            say(console, str(tracked.feed_records(others)))
    except ResultsError as error:
        say(console, f"Not tracked: {error}", style="yellow")
