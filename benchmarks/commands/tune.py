"""`tune`: the same search for every row of a table, then the table as published beside each row at its best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from benchmarks.commands import training
from benchmarks.commands.engines import Engine
from benchmarks.commands.options import Care
from benchmarks.commands.resolve import check_out, missing_data
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid, grids, resolve
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, ranks
from benchmarks.runner.progress import runs as many
from benchmarks.runner.tuning.search import TuningBudget
from benchmarks.tables.definition import Table
from benchmarks.views import journals, tracked
from benchmarks.views.journals import Journals
from benchmarks.views.notes import clocks
from benchmarks.views.sheets import every_sheet
from benchmarks.views.tuning.names import FOLDER, name_of
from benchmarks.views.tuning.notes import captions, caveats, notes
from benchmarks.views.tuning.order import pairs
from benchmarks.views.tuning.picture import draw
from benchmarks.views.tuning.search import Done, at_best, done_by, searches, tuned_table
from benchmarks.views.tuning.tables import conditions_of, pairs_table, rows_table, runs_table
from benchmarks.views.tuning.tuned import Search, TunedTable
from reports.tables.files import write
from reports.tables.screen import to_rich
from results.errors import ResultsError
from results.files import own_folder


@dataclass
class _Trainer:
    """Trains what is missing, stage by stage; every run once a command, so that --fresh ends."""

    grid: Grid
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
            jobs = self.engine.ready(runs, journals.read(self.out), self.chosen.node)
            train_all = self.engine.train_all
        resumed = training.resumable(runs, runs, self.out, self.care)
        more = f"; {resumed} to be resumed" if resumed else ""
        say(self.console, f"{what}: {many(len(runs))}, {jobs} at a time{more}")
        setting = training.setting([self.grid], self.chosen, self.out, self.care)
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
    console: Console,
    engine: Engine | None = None,
) -> int:
    """-> the exit code: 0, or 1 if a run failed. engine: a cluster's. Raises as `run`."""
    ranks.started_here(chosen.kind, "tune")
    grid = resolve(table, chosen)
    if not grid.cells:
        raise UserError(f"Nothing to tune in {table.id}: --method and --network leave no row of it.")
    if lost := missing_data(grid.runs, chosen.data):
        raise UserError(lost)
    check_out(out)
    _announce(grid, budget, console)
    trainer = _Trainer(grid, chosen, out, jobs, care, console, engine)
    found = _searched(trainer, budget)
    note(console, journals.read(out).remarks)
    over = [one for one in found if one.over]
    if over:
        tuned = _finals(trainer, over, budget)
        again = replace(grid.command, options=(*grid.command.options, *budget.options)).text("tune")
        _show(tuned, again, out, console)
        if tracking:
            _track(tuned, chosen, out, console)
    training.complain(trainer.failed, console)
    for one in found:
        if not one.over:
            say(console, f"Not tuned, since a trial failed: {one.row.label} on {one.network}.")
    return 1 if trainer.failed or len(over) < len(found) else 0


def _announce(grid: Grid, budget: TuningBudget, console: Console) -> None:
    rows = len(grid.cells)
    what = f"{rows} row{'' if rows == 1 else 's'} to be tuned, the same budget for each"
    say(console, f"{grid.table.id} at scale {grid.scale}: {what}", "bold")
    say(console, f"Budget of a row: {budget.words}")
    most = rows * (budget.trials * budget.seeds + len(grid.seeds)) + len(grid.runs)
    say(console, f"At most {many(most)} in all; those that are there are not repeated.")
    for clock in clocks([grid]):
        say(console, f"Clock: {clock}")


def _searched(trainer: _Trainer, budget: TuningBudget) -> list[Search]:
    """The searches of all rows, carried on until each is over, or waits for a run that failed."""
    while True:
        journal = journals.read(trainer.out)
        found = searches(trainer.grid, budget, trainer.done(journal))
        missing = trainer.missing([run for one in found for run in one.open], journal)
        if not missing:
            return found
        trainer.train(missing, "Trials")


def _finals(trainer: _Trainer, over: Sequence[Search], budget: TuningBudget) -> TunedTable:
    """The rows at the table's rates and each at its best, trained where they are missing."""
    grid = trainer.grid
    if missing := trainer.missing([*grid.runs, *at_best(grid, over).runs], journals.read(trainer.out)):
        trainer.train(missing, "As published, and at the best rates")
    return tuned_table(grid, budget, over, journals.read(trainer.out))


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


def _track(tuned: TunedTable, chosen: Choices, out: Path, console: Console) -> None:
    """The published rates as `run` does it, what is shown at the best as `track` does; no trials (results.groups)."""
    sheet, found = tuned.published, journals.read(out)
    best = {record.id for record in tuned.sheets["best"].used} - {record.id for record in sheet.used}
    others = [record for record in found.records if record.id in best]
    try:
        say(console, str(tracked.feed([*every_sheet(grids(chosen.whole, {sheet.table.family}), found), sheet], out)))
        if others:
            say(console, str(tracked.feed_records(others)))
    except ResultsError as error:
        say(console, f"Not tracked: {error}", style="yellow")
