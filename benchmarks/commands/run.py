"""`run`: plan, train what is missing, print the tables, feed MLflow."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

import methods
from benchmarks.analyses.definition import Analysis, Request
from benchmarks.commands import resolve, training
from benchmarks.commands.engines import Engine
from benchmarks.commands.options import Care
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.executors.errors import EpochUnfinished, Stalled, WorkerFailed, WorkersStuck
from benchmarks.experiments import Experiment
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, ranks
from benchmarks.runner.processes.messages import Ended, Setting
from benchmarks.runner.progress import runs as many
from benchmarks.tables.definition import Table
from benchmarks.views import conditions, journals, notes, pictures, rerun, tracked
from benchmarks.views.journals import Journals
from benchmarks.views.sheets import Sheet, made_elsewhere, sheet_of, whole
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
    target: float | None,
    console: Console,
    engine: Engine | None = None,
) -> int:
    """-> the exit code: 0, or 1 if a run failed. engine: a cluster's. Of many tables those without their data say so.

    Raises UserError where nothing can be run, ResultsError where nothing can be written, Interrupted by a signal.
    """
    if (rank := ranks.other(chosen.kind)) is not None:
        return ranks.take_part(rank, training.setting(experiments, chosen, out, care), pool.RANK_WORK)
    planned, without = _plan(experiments, chosen)
    asked = [run for of_table in planned.values() for run in of_table]
    runs = plan.in_order(_named(asked, chosen))
    resolve.check_out(out)
    found = journals.read(out)
    missing = [run for run in runs if care.fresh or not found.done(run)]
    jobs = engine.ready(missing, found, chosen) if engine is not None else jobs
    _announce(experiments, chosen, runs, missing, jobs, console, training.resumable(runs, missing, out, care))
    note(console, (*plan.trained_as_others(asked), *found.remarks))
    setting = training.setting(experiments, chosen, out, care)
    if engine is not None and engine.detach and missing:
        return engine.leave(missing, setting)
    ended = _train(missing, chosen, setting, jobs, engine, console)
    found = journals.read(out) if missing else found
    failed = list(training.failures(missing, ended, found))
    sheets = {one.id: sheet_of(one, chosen, planned[one.id], found, target) for one in _tables(experiments, planned)}
    _show_all(experiments, sheets, without, chosen, out, console)
    training.complain(failed, console)
    _keep(list(sheets.values()), chosen, found, target, out if tracking else None, console)
    return 1 if failed else 0


def _keep(
    sheets: list[Sheet], chosen: Choices, found: Journals, target: float | None, out: Path | None, console: Console
) -> None:
    """Feed MLflow what was shown, and what it shares with others, unless out is None; say what others made."""
    used = sheets
    if out is not None and sheets:
        _track(used := [*tracked.kindred(sheets, chosen, found, target), *sheets], out, console)
    note(console, [made_elsewhere(used)])


def _train(
    missing: Sequence[Run], chosen: Choices, setting: Setting, jobs: int, engine: Engine | None, console: Console
) -> dict[str, Ended]:
    """-> how each run ended. Where none is missing, ranks that torchrun has started hear that all is over."""
    if missing:
        train_all = pool.train_all if engine is None else engine.train_all
        return training.train(missing, setting, jobs, console, train_all, chosen.node)
    return {} if chosen.kind.one_process else pool.train_all((), setting, jobs=jobs, listen=lambda event: None)


def _plan(experiments: Sequence[Experiment], chosen: Choices) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """-> per table its runs; per table that cannot run why."""
    planned: dict[str, list[Run]] = {}
    without: dict[str, str] = {}
    for one in experiments:
        if isinstance(one, Analysis):
            continue
        runs = plan.runs(one, chosen)
        if not runs and len(experiments) == 1:
            raise UserError(f"Nothing to run for {one.id}: --method and --network leave no row of it.")
        lost = resolve.missing_data(runs, chosen.data)
        if lost and len(experiments) == 1:
            raise UserError(lost)
        if lost or not runs:
            without[one.id] = lost or "--method and --network leave no row of it."
        else:
            planned[one.id] = runs
    if without and len(without) == len(experiments):
        raise UserError(next(iter(without.values())))
    return planned, without


def _named(asked: Sequence[Run], chosen: Choices) -> list[Run]:
    """Each run once, named after all rows of all tables whose run it is: its journal is written once."""
    ids, families, others = {run.id for run in asked}, {run.work.family for run in asked}, []
    for table in plan.tables(chosen):
        if table.family in families:
            with contextlib.suppress(UserError, methods.MethodError):  # a table that was not asked for may not go
                others += [run for run in plan.runs(table, whole(chosen)) if run.id in ids]
    return plan.distinct([*asked, *others, *asked])  # in the order, and under the rows, that were asked for


def _tables(experiments: Sequence[Experiment], planned: dict[str, list[Run]]) -> list[Table]:
    return [one for one in experiments if isinstance(one, Table) and one.id in planned]


def _announce(
    experiments: Sequence[Experiment],
    chosen: Choices,
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
    for clock in notes.clocks(experiments, chosen):
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
    again = rerun.command([one.id], chosen)
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
