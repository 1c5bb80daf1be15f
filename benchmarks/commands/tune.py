"""`tune`: searches every row of a table by the same budget, then shows published settings beside each row's best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.commands.choose import check_out, missing_data
from benchmarks.commands.run import feed
from benchmarks.commands.screen import note, say
from benchmarks.commands.training import Trainer, search_rows, train_missing
from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid
from benchmarks.runner.processes import ranks
from benchmarks.runner.progress import runs as many
from benchmarks.runner.resolve import grids, resolve
from benchmarks.runner.tuning.search import VALIDATION, TuningBudget
from benchmarks.runner.tuning.trials import settled, validation_samples
from benchmarks.tables.definition import Table
from benchmarks.views import journals
from benchmarks.views.notes import clocks
from benchmarks.views.table_runs import find_all_runs
from benchmarks.views.tuning.order import pairs
from benchmarks.views.tuning.picture import draw
from benchmarks.views.tuning.tables import conditions_of, pairs_table, rows_table, runs_table
from benchmarks.views.tuning.tuned import FOLDER, TunedTable, at_best, name_of, tuned_table
from reports.tables.files import write
from reports.tables.screen import to_rich
from results.files import own_folder


def tune(table: Table, trainer: Trainer, budget: TuningBudget) -> int:
    """Tunes a table -> the exit code: 0, or 1 if a run failed. Raises as `run`."""
    chosen, out, console = trainer.chosen, trainer.out, trainer.console
    ranks.refuse_started(chosen.kind, "tune")
    grid = resolve(table, chosen)
    if not grid.cells:
        raise UserError(f"Nothing to tune in {table.id}: --method and --network leave no row of it.")
    if missing := missing_data(grid.runs, chosen.data):
        raise UserError(missing)
    check_out(out)
    budget = settled(budget, grid.cells)
    _print_budget(grid, budget, console)
    searches = search_rows(grid, trainer, budget)
    note(console, journals.read(out).remarks)
    over = [searched for searched in searches if searched.over]
    if over:
        train_missing(grid, trainer, [*grid.runs, *at_best(grid, over).runs], f"As {grid.rates}, and at the best rates")
        tuned = tuned_table(grid, budget, over, journals.read(out))
        again = replace(grid.command, options=(*grid.command.options, *budget.options)).text("tune")
        _show(tuned, again, out, console)
        if trainer.tracked:
            _track(tuned, chosen, out, console)
    trainer.print_failures()
    for searched in searches:
        if not searched.over:
            say(console, f"Not tuned, since a trial failed: {searched.row.label} on {searched.network}.")
    return 1 if trainer.failed or len(over) < len(searches) else 0


def _print_budget(grid: Grid, budget: TuningBudget, console: Console) -> None:
    rows = len(grid.cells)
    row_count = f"{rows} row{'' if rows == 1 else 's'} to be tuned, the same budget for each"
    say(console, f"{grid.table.id} at scale {grid.size}: {row_count}", "bold")
    say(console, f"Budget of a row: {budget.description}")
    say(console, f"Chosen by: {_chosen_by(grid, budget)}")
    most = rows * ((budget.trials + budget.widen) * budget.seeds + len(grid.seeds)) + len(grid.runs)
    say(console, f"At most {many(most)} in all; those that are there are not repeated.")
    for clock in clocks([grid]):
        say(console, f"Clock: {clock}")


def _chosen_by(grid: Grid, budget: TuningBudget) -> str:
    """Returns which split chooses, with its samples, and why it is the test split."""
    counts = [validation_samples(cell) for cell in grid.cells]
    if budget.select == VALIDATION:
        many = " to ".join(f"{count:,}" for count in dict.fromkeys((min(counts), max(counts))))
        return (
            f"validation, {many} samples of the training split that no trial is trained on (--select test: papers' way)"
        )
    papers = "" if grid.own_data else ", as in the papers"
    return f"the test split{papers}" + ("" if all(counts) else ": too few training samples are left for another")


def _show(tuned: TunedTable, command: str, out: Path, console: Console) -> None:
    """Prints the rows, and writes rows, pairs and runs to files."""
    name = name_of(tuned.published.table.id)
    conditions = conditions_of(tuned)
    drawn = draw(tuned, own_folder(out, conditions.folder(out / "figures")) / name)
    row_pairs = list(pairs(tuned))
    rows = rows_table(tuned, row_pairs, command).with_pictures(drawn, out)
    console.print()
    console.print(to_rich(rows))
    other_tables = (pairs_table(tuned, row_pairs), runs_table(tuned))
    folder = own_folder(out, conditions.folder(out / FOLDER))
    files = [path for table in (rows, *other_tables) for path in write(table, folder)]
    for place in dict.fromkeys(path.parent for path in (*files, *drawn)):
        names = ", ".join(path.name for path in (*files, *drawn) if path.parent == place)
        say(console, f"Written to {place}: {names}", style="dim")


def _track(tuned: TunedTable, chosen: Choices, out: Path, console: Console) -> None:
    """Feeds MLflow the runs at published rates as `run` does, and those at the best as `track` does; no trials."""
    table_runs, existing = tuned.published, journals.read(out)
    best = {record.id for record in tuned.sides["best"].used} - {record.id for record in table_runs.used}
    others_tracked = [record for record in existing.records if record.id in best]
    at_hand = () if chosen.methods else [table_runs.grid]
    family = grids(chosen.whole, {table_runs.table.family}, at_hand)
    feed(list(find_all_runs(family, existing)), [table_runs], out, console, others_tracked)
