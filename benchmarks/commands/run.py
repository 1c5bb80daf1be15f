"""`run`: plan, train what is missing, print the tables, feed MLflow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.analyses.definition import Analysis, Request
from benchmarks.commands import training
from benchmarks.commands.engines import Engine
from benchmarks.commands.options import Care
from benchmarks.commands.resolve import check_out, missing_data
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.executors.errors import EpochUnfinished, Stalled, WorkerFailed, WorkersStuck
from benchmarks.experiments import Experiment
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid, grids, resolve
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, ranks
from benchmarks.runner.processes.messages import Ended, Setting
from benchmarks.runner.progress import runs as many
from benchmarks.runner.rerun import command
from benchmarks.tables.definition import Table
from benchmarks.views import conditions, journals, notes, pictures, tracked
from benchmarks.views.journals import Journals
from benchmarks.views.sheets import Sheet, every_sheet, made_elsewhere, sheet_of
from benchmarks.views.table import assemble
from reports.tables.files import write
from reports.tables.screen import to_rich
from results.errors import ResultsError
from results.files import moved, own_folder
from results.tables import ResultTable

METHOD_FAILURES = (WorkerFailed, WorkersStuck, Stalled, EpochUnfinished)
"""What an analysis may raise of the method that it is asked for."""


def run(
    experiments: Sequence[Experiment],
    chosen: Choices,
    *,
    out: Path,
    jobs: int,
    care: Care,
    tracking: bool,
    console: Console,
    engine: Engine | None = None,
) -> int:
    """-> the exit code: 0, or 1 if a run failed. engine: a cluster's. Of many tables those without their data say so.

    Raises UserError where nothing can be run, ResultsError where nothing can be written, Interrupted by a signal.
    """
    if (rank := ranks.other(chosen.kind)) is not None:
        shared = [resolve(one, chosen) for one in experiments if isinstance(one, Table)]
        return ranks.take_part(rank, training.setting(shared, chosen, out, care), pool.RANK_WORK)
    planned, without = _plan(experiments, chosen)
    asked = [run for grid in planned.values() for run in grid.runs]
    families = {grid.table.family for grid in planned.values()}
    others = list(grids(chosen.whole, families))
    runs = plan.in_order(_named(asked, others))
    check_out(out)
    found = journals.read(out)
    missing = [run for run in runs if care.fresh or not found.done(run)]
    jobs = engine.ready(missing, found, chosen.node) if engine is not None else jobs
    _announce(
        experiments,
        chosen,
        planned.values(),
        runs,
        missing,
        jobs,
        console,
        training.resumable(runs, missing, out, care),
    )
    note(console, (*plan.trained_as_others(asked), *found.remarks))
    setting = training.setting(planned.values(), chosen, out, care)
    if engine is not None and engine.detach and missing:
        return engine.leave(missing, setting)
    ended = _train(missing, chosen, setting, jobs, engine, console)
    found = journals.read(out) if missing else found
    failed = list(training.failures(missing, ended, found))
    sheets = {id: sheet_of(grid, found) for id, grid in planned.items()}
    _show_all(experiments, sheets, without, chosen, out, console)
    training.complain(failed, console)
    _keep(list(sheets.values()), others, found, out if tracking else None, console)
    return 1 if failed else 0


def _keep(sheets: list[Sheet], others: Sequence[Grid], found: Journals, out: Path | None, console: Console) -> None:
    """Feed MLflow what was shown, and what it shares with others, unless out is None; say what others made."""
    used = sheets
    if out is not None and sheets:
        _track(used := [*every_sheet(others, found), *sheets], out, console)
    note(console, [made_elsewhere(used)])


def _train(
    missing: Sequence[Run], chosen: Choices, setting: Setting, jobs: int, engine: Engine | None, console: Console
) -> dict[str, Ended]:
    """-> how each run ended. Where none is missing, ranks that torchrun has started hear that all is over."""
    if missing:
        train_all = pool.train_all if engine is None else engine.train_all
        return training.train(missing, setting, jobs, console, train_all, chosen.node)
    return {} if chosen.kind.one_process else pool.train_all((), setting, jobs=jobs, listen=lambda event: None)


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
    """Each run once, named after all rows of all tables whose run it is: its journal is written once."""
    ids = {run.id for run in asked}
    same = [run for grid in others for run in grid.runs if run.id in ids]
    return plan.distinct([*asked, *same, *asked])  # in the order, and under the rows, that were asked for


def _announce(
    experiments: Sequence[Experiment],
    chosen: Choices,
    planned: Collection[Grid],
    runs: Sequence[Run],
    missing: Sequence[Run],
    jobs: int,
    console: Console,
    resumable: int,
) -> None:
    names = ", ".join(one.id for one in experiments)
    done = f"{many(len(runs))}, {len(runs) - len(missing)} of them done before, {jobs} at a time"
    done += f"; {resumable} to be resumed" if resumable else ""
    console.print(f"[bold]{names}[/] at scale {chosen.scale}: {done if runs else 'nothing to train'}", highlight=False)
    for clock in notes.clocks(planned):
        console.print(f"Clock: {clock}", highlight=False, markup=False)


def _show_all(
    experiments: Sequence[Experiment],
    sheets: Mapping[str, Sheet],
    without: Mapping[str, str],
    chosen: Choices,
    out: Path,
    console: Console,
) -> None:
    for one in experiments:
        if one.id in without:
            console.print(f"\n[bold]{one.id}[/] not run: {escape(without[one.id])}", highlight=False, soft_wrap=True)
        else:
            _show(one, sheets.get(one.id), chosen, out, console)


def _show(one: Experiment, sheet: Sheet | None, chosen: Choices, out: Path, console: Console) -> None:
    """A table from its sheet, or an analysis, which is carried out."""
    if isinstance(one, Analysis):
        _analyse(one, chosen, out, console)
    elif sheet is not None:
        drawn, words = pictures.draw(sheet, out)
        table = assemble(sheet).with_pictures(drawn, out, words)
        full = f"; in full: show {one.file or one.id} --audit"
        _print(table, table.conditions.folder(out / "tables"), out, console, full)


def _analyse(one: Analysis, chosen: Choices, out: Path, console: Console) -> None:
    settings = chosen.settings.get(one.id, {})
    request = Request(
        scale=chosen.scale,
        seeds=chosen.seeds,
        card=chosen.card or load_card(one.card),
        methods=chosen.methods,
        networks=chosen.networks,
        options=one.options(settings),
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


def _track(sheets: Sequence[Sheet], out: Path, console: Console) -> None:
    try:
        say(console, str(tracked.feed(sheets, out)))
    except ResultsError as error:
        console.print(f"[yellow]Not tracked:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
