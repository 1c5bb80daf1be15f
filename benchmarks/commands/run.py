"""`run`: plan, train what is missing, print the tables, feed MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.analyses.definition import Analysis, Request
from benchmarks.commands.resolve import check_out, missing_data
from benchmarks.commands.screen import note, say
from benchmarks.commands.training import Trainer
from benchmarks.errors import UserError
from benchmarks.executors.errors import EpochUnfinished, Stalled, WorkerFailed, WorkersStuck
from benchmarks.experiments import Experiment
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid, grids, resolve
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, ranks
from benchmarks.runner.progress import runs as many
from benchmarks.runner.rerun import command
from benchmarks.tables.definition import Table
from benchmarks.views import conditions, journals, notes, pictures, tracked
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_all_runs, find_runs, made_elsewhere
from reports.tables.files import write
from reports.tables.screen import to_rich
from results.errors import ResultsError
from results.files import moved, own_folder
from results.tables import ResultTable

METHOD_FAILURES = (WorkerFailed, WorkersStuck, Stalled, EpochUnfinished)
"""Errors of a method that an analysis may raise."""


def run(experiments: Sequence[Experiment], trainer: Trainer) -> int:
    """-> the exit code: 0, or 1 if a run failed. Of many tables those without their data say so.

    Raises UserError where nothing can be run, ResultsError where nothing can be written, Interrupted by a signal.
    """
    chosen, out, console = trainer.chosen, trainer.out, trainer.console
    if (rank := ranks.other(chosen.kind)) is not None:
        shared = [resolve(one, chosen) for one in experiments if isinstance(one, Table)]
        return ranks.take_part(rank, trainer.setting(shared), pool.RANK_WORK)
    planned, without = _plan(experiments, chosen)
    asked = [run for grid in planned.values() for run in grid.runs]
    families = {grid.table.family for grid in planned.values()}
    others = list(grids(chosen.whole, families, at_hand=() if chosen.methods else planned.values()))
    runs = plan.in_order(_named(asked, others))
    check_out(out)
    found = journals.read(out)
    missing = trainer.missing(runs, found)
    trainer.expect(missing, found)
    names = ", ".join(one.id for one in experiments)
    done = f"{many(len(runs))}, {len(runs) - len(missing)} of them done before, {trainer.jobs} at a time"
    done = f"{done}{trainer.resumable(runs, missing)}" if runs else "nothing to train"
    console.print(f"[bold]{names}[/] at scale {chosen.scale}: {done}", highlight=False)
    for clock in notes.clocks(planned.values()):
        console.print(f"Clock: {clock}", highlight=False, markup=False)
    note(console, (*plan.trained_as_others(asked), *found.remarks, trainer.without_weights(runs, missing)))
    setting = trainer.setting(planned.values())
    if trainer.slurm is not None and trainer.slurm.detach and missing:
        trainer.slurm.detached(missing, setting)
        return 0
    if missing:
        trainer.train(missing, setting)
        found = journals.read(out)
    elif not chosen.kind.one_process:  # ranks that torchrun has started are to hear that all is over
        pool.train_all((), setting, jobs=trainer.jobs, listen=lambda event: None)
    tables = {id: find_runs(grid, found) for id, grid in planned.items()}
    for one in experiments:
        if one.id in without:
            console.print(f"\n[bold]{one.id}[/] not run: {escape(without[one.id])}", highlight=False, soft_wrap=True)
        elif isinstance(one, Analysis):
            _analyse(one, chosen, out, console)
        else:
            _show(one, tables[one.id], out, console)
    trainer.complain()
    used = list(tables.values())
    if trainer.tracked and used:
        used = [*find_all_runs(others, found), *used]
        try:
            say(console, str(tracked.feed(used, out)))
        except ResultsError as error:
            say(console, f"Not tracked: {error}", style="yellow")
    note(console, [made_elsewhere(used)])
    return 1 if trainer.failed else 0


def _plan(experiments: Sequence[Experiment], chosen: Choices) -> tuple[dict[str, Grid], dict[str, str]]:
    """-> per table its grid; per table that cannot run why."""
    planned: dict[str, Grid] = {}
    without: dict[str, str] = {}
    for one in experiments:
        if isinstance(one, Analysis):
            continue
        grid = resolve(one, chosen)
        if not grid.cells and len(experiments) == 1:
            raise UserError(f"Nothing to run for {one.id}: --method and --network leave no row of it.")
        lost = missing_data(grid.runs, chosen.data)
        if lost and len(experiments) == 1:
            raise UserError(lost)
        if lost or not grid.cells:
            without[one.id] = lost or "--method and --network leave no row of it."
        else:
            planned[one.id] = grid
    if without and len(without) == len(experiments):
        raise UserError(next(iter(without.values())))
    return planned, without


def _named(asked: Sequence[Run], others: Sequence[Grid]) -> list[Run]:
    """Each run once, named after all rows of all tables that it is a run of: its journal is written once."""
    ids = {run.id for run in asked}
    same = [run for grid in others for run in grid.runs if run.id in ids]
    return plan.distinct([*asked, *same, *asked])  # in the order, and under the rows, that were asked for


def _show(one: Table, table_runs: TableRuns, out: Path, console: Console) -> None:
    table = assemble(table_runs)
    drawn, words = pictures.draw(table_runs, table, out)
    table = table.with_pictures(drawn, out, words)
    full = f"; in full: show {one.file or one.id} --audit"
    _print(table, table.conditions.folder(out / "tables"), out, console, full)


def _analyse(one: Analysis, chosen: Choices, out: Path, console: Console) -> None:
    request = Request(
        scale=chosen.scale,
        seeds=chosen.seeds,
        card=chosen.card or load_card(one.card),
        methods=chosen.methods,
        networks=chosen.networks,
        options=one.options(chosen.settings.get(one.id, {})),
        out=out,
        settings=chosen.settings,
    )
    try:
        found = one.run(request)
    except METHOD_FAILURES as error:
        raise UserError(f"{one.id} is not made: {error}.") from error
    again = command([one.id], chosen).text()
    made = [replace(table, command=again) for table in conditions.of_analysis(one, chosen, found.tables)]
    given = made[0].conditions
    pictures = [moved(path, own_folder(out, given.folder(path.parent))) for path in found.pictures]
    *others, last = made
    for table in (*others, last.with_pictures(pictures, out)):
        _print(table, given.folder(out / "tables"), out, console)


def _print(result: ResultTable, folder: Path, out: Path, console: Console, full: str = "") -> None:
    """folder: of the condition; full: where all stands that is said of it."""
    console.print()
    console.print(to_rich(result))
    written, *made = write(result, own_folder(out, folder))
    files = ", ".join([str(written), *(path.suffix for path in made), *(str(out / name) for name in result.pictures)])
    say(console, f"Written: {files}{full}", style="dim")
