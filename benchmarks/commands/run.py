"""`run`: plans, trains what is missing, prints the tables, feeds MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.analyses import registry as analyses
from benchmarks.analyses.definition import Analysis, Request
from benchmarks.commands.choose import check_out, missing_data
from benchmarks.commands.screen import note, say
from benchmarks.commands.training import Trainer
from benchmarks.errors import UserError
from benchmarks.executors.errors import EpochUnfinished, Stalled, WorkerFailed, WorkersStuck
from benchmarks.experiments import Experiment
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner import environment, plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, ranks
from benchmarks.runner.progress import runs as many
from benchmarks.runner.rerun import command, replay, settings, words
from benchmarks.runner.resolve import grids, resolve
from benchmarks.tables.definition import Table
from benchmarks.views import journals, notes, pictures, tracked
from benchmarks.views.journals import Journals
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_all_runs, find_runs, made_elsewhere
from benchmarks.workloads.scales import size_of
from reports.tables.files import write
from reports.tables.screen import to_rich
from results.errors import ResultsError
from results.files import move_into, own_folder
from results.records import Record
from results.tables import Conditions, ResultTable

METHOD_FAILURES = (WorkerFailed, WorkersStuck, Stalled, EpochUnfinished)
"""Errors of a method that an analysis may raise."""


@dataclass(frozen=True)
class Trained:
    """The chosen tables by id, with the runs that exist now.

    without: for each table that cannot run, why. other_grids: of all tables that share runs with them. existing: all
    runs of the folder.
    """

    tables: dict[str, TableRuns]
    without: dict[str, str]
    other_grids: list[Grid]
    existing: Journals


def run(experiments: Sequence[Experiment], trainer: Trainer) -> int:
    """Runs experiments -> the exit code: 0, or 1 if a run failed.

    Of many tables, those without their data are named and left out.

    Raises UserError where nothing can be run, ResultsError where nothing can be written, Interrupted by a signal.
    """
    chosen, out, console = trainer.chosen, trainer.out, trainer.console
    if (rank := ranks.other(chosen.kind)) is not None:
        shared = [resolve(experiment, chosen) for experiment in experiments if isinstance(experiment, Table)]
        return ranks.take_part(rank, trainer.setting(shared))
    if (trained := train(experiments, trainer)) is None:
        return 0
    for experiment in experiments:
        if experiment.id in trained.without:
            console.print(
                f"\n[bold]{experiment.id}[/] not run: {escape(trained.without[experiment.id])}",
                highlight=False,
                soft_wrap=True,
            )
        elif isinstance(experiment, Analysis):
            _analyse(experiment, chosen, out, console)
        else:
            show(experiment, trained.tables[experiment.id], out, console)
    trainer.print_failures()
    used = list(trained.tables.values())
    whole: list[TableRuns] = []
    if trainer.tracked and used:
        whole = list(find_all_runs(trained.other_grids, trained.existing))
        feed(whole, used, out, console)
    note(console, [made_elsewhere([*whole, *used])])
    recorded = [record for table_runs in used for record in table_runs.used if record.complete] if chosen.record else []
    if recorded:
        say(console, "One of them again, to the last bit:")
        say(console, replay(recorded[0].id[:12], chosen, out))
    return 1 if trainer.failed else 0


def feed(
    whole: Sequence[TableRuns], used: Sequence[TableRuns], out: Path, console: Console, others: Sequence[Record] = ()
) -> None:
    """Feeds the runs of tables into MLflow, and says what came of it.

    whole: all tables that share runs with them. others: runs that no table shows.
    """
    try:
        report = tracked.feed(whole, used, out)
        say(console, f"{report}{' `--no-tracking` leaves this out.' if report.created else ''}")
        if others:
            say(console, str(tracked.feed_records(others)))
    except ResultsError as error:
        say(console, f"Not tracked: {error}", style="yellow")


def train(experiments: Sequence[Experiment], trainer: Trainer) -> Trained | None:
    """Trains what is missing of the tables, and prints no table; None where a cluster's jobs go on without it.

    Raises as `run`.
    """
    chosen, out, console = trainer.chosen, trainer.out, trainer.console
    planned, without = _plan(experiments, chosen)
    own_runs = [run for grid in planned.values() for run in grid.runs]
    families = {grid.table.family for grid in planned.values()}
    other_grids = list(grids(chosen.whole, families, at_hand=() if chosen.methods else planned.values()))
    runs = plan.in_order(_named(own_runs, other_grids))
    check_out(out)
    existing = journals.read(out)
    missing = trainer.missing(runs, existing)
    trainer.expect(missing, existing)
    names = ", ".join(experiment.id for experiment in experiments)
    status = f"{many(len(runs))}, {len(runs) - len(missing)} of them done before, {trainer.jobs} at a time"
    status = f"{status}{trainer.resumable(runs, missing)}" if runs else "nothing to train"
    console.print(f"[bold]{names}[/] at scale {size_of(chosen.scale, chosen.budget)}: {status}", highlight=False)
    for clock in notes.clocks(planned.values()):
        console.print(f"Clock: {clock}", highlight=False, markup=False)
    note(console, (*plan.trained_as_others(own_runs), *existing.remarks, trainer.without_weights(runs, missing)))
    setting = trainer.setting(planned.values())
    if trainer.slurm is not None and trainer.slurm.detach and missing:
        trainer.slurm.detached(missing, setting)
        return None
    if missing:
        trainer.train(missing, setting)
        existing = journals.read(out)
    elif not chosen.kind.one_process:  # ranks that torchrun has started are to hear that all is over
        pool.train_all((), setting, jobs=trainer.jobs, listen=lambda event: None)
    tables = {id: find_runs(grid, existing) for id, grid in planned.items()}
    return Trained(tables, without, other_grids, existing)


def _plan(experiments: Sequence[Experiment], chosen: Choices) -> tuple[dict[str, Grid], dict[str, str]]:
    """Returns each table's grid, and for each table that cannot run a sentence that says why."""
    planned: dict[str, Grid] = {}
    without: dict[str, str] = {}
    for experiment in experiments:
        if isinstance(experiment, Analysis):
            continue
        grid = resolve(experiment, chosen)
        if not grid.cells and len(experiments) == 1:
            raise UserError(f"Nothing to run for {experiment.id}: --method and --network leave no row of it.")
        missing = missing_data(grid.runs, chosen.data)
        if missing and len(experiments) == 1:
            raise UserError(missing)
        if missing or not grid.cells:
            without[experiment.id] = missing or "--method and --network leave no row of it."
        else:
            planned[experiment.id] = grid
    if without and len(without) == len(experiments):
        raise UserError(next(iter(without.values())))
    return planned, without


def _named(own_runs: Sequence[Run], other_grids: Sequence[Grid]) -> list[Run]:
    """Returns each run once, labelled by all rows of all tables that it belongs to: its journal is written once."""
    ids = {run.id for run in own_runs}
    in_other_tables = [run for grid in other_grids for run in grid.runs if run.id in ids]
    return plan.distinct(
        [*own_runs, *in_other_tables, *own_runs]
    )  # in the order, and under the rows, that were asked for


def show(experiment: Table, table_runs: TableRuns, out: Path, console: Console) -> None:
    """Prints a table, and writes its files and pictures."""
    table = assemble(table_runs)
    drawn, words = pictures.draw(table_runs, table, out)
    table = table.with_pictures(drawn, out, words)
    full = f"; in full: show {experiment.file or experiment.id} --audit"
    _print(table, table.conditions.folder(out / "tables"), out, console, full)


def _analyse(analysis: Analysis, chosen: Choices, out: Path, console: Console) -> None:
    request = Request(
        scale=chosen.scale,
        seeds=chosen.seeds,
        card=chosen.card or load_card(analysis.card),
        methods=chosen.methods,
        networks=chosen.networks,
        options=analysis.options(chosen.settings.get(analysis.id, {})),
        out=out,
        settings=chosen.settings,
        choices=chosen,
        record_of=journals.read(out).of,
    )
    try:
        finding = analysis.run(request)
    except METHOD_FAILURES as error:
        raise UserError(f"{analysis.id} is not made: {error}.") from error
    tables = _with_conditions(analysis, chosen, finding.tables)
    condition = tables[0].conditions
    pictures = [move_into(path, own_folder(out, condition.folder(path.parent))) for path in finding.pictures]
    *first_tables, last = tables
    for table in (*first_tables, last.with_pictures(pictures, out)):
        _print(table, condition.folder(out / "tables"), out, console)


def _with_conditions(analysis: Analysis, chosen: Choices, tables: Sequence[ResultTable]) -> list[ResultTable]:
    """Returns the tables of an analysis, each with its command and what was chosen.

    With this torch and commit where it names none.
    """
    others = {"workload", *analyses.IDS} - {analysis.id}
    owners = {*chosen.settings, *(sweep.owner for sweep in chosen.sweeps)} - others
    selection = tuple(words(chosen, owners, without=()))
    here = environment.checkout()

    def chosen_for(conditions: Conditions) -> Conditions:
        return replace(
            conditions,
            selection=selection,
            settings=settings(chosen, owners),
            torch=conditions.torch or (environment.package("torch"),),
            commits=conditions.commits or ((here,) if here else ()),
        )

    again = command([analysis.id], chosen).text()
    return [replace(table, conditions=chosen_for(table.conditions), command=again) for table in tables]


def _print(result: ResultTable, folder: Path, out: Path, console: Console, full: str = "") -> None:
    """Prints a table and writes its files. folder: of the condition; full: a hint where the full captions are shown."""
    console.print()
    console.print(to_rich(result))
    written, *other_files = write(result, own_folder(out, folder))
    files = ", ".join(
        [str(written), *(path.suffix for path in other_files), *(str(out / name) for name in result.pictures)]
    )
    say(console, f"Written: {files}{full}", style="dim")
