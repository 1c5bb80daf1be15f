"""`run`: plan, train what is missing, print the tables, feed MLflow."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

import methods
from benchmarks.analyses.definition import Analysis, Request
from benchmarks.commands import resolve
from benchmarks.commands.options import Care
from benchmarks.commands.screen import note, say
from benchmarks.errors import Interrupted, UserError
from benchmarks.executors.errors import EpochUnfinished, Stalled, WorkerFailed, WorkersStuck
from benchmarks.experiments import Experiment
from benchmarks.hardware.card import Card
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner import environment, gpus, plan
from benchmarks.runner.checkpoints import file as checkpoints
from benchmarks.runner.checkpoints import keeper
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, signals
from benchmarks.runner.processes.messages import Ended, Setting
from benchmarks.runner.progress import Display, duration
from benchmarks.runner.progress import runs as many
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Table
from benchmarks.views import journals, notes, pictures, tracked
from benchmarks.views.journals import Journals
from benchmarks.views.sheets import Sheet, made_elsewhere, sheet_of, whole
from benchmarks.views.table import assemble
from reports.tables.files import write
from reports.tables.screen import to_rich
from results.errors import ResultsError
from results.tables import ResultTable

METHOD_FAILURES = (WorkerFailed, WorkersStuck, Stalled, EpochUnfinished)
"""What an analysis may raise of the method that it is asked for."""
FEW = 4
"""Tables whose notes one reads on a screen; of more, the Markdown files have them."""


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
) -> int:
    """-> the exit code: 0, or 1 if a run failed. Where many are asked for, those without their data say so.

    Raises UserError where nothing can be run, ResultsError where nothing can be written, Interrupted by a signal.
    """
    planned, without = _plan(experiments, chosen)
    asked = [run for of_table in planned.values() for run in of_table]
    runs = plan.in_order(_named(asked, chosen))
    resolve.check_out(out)
    found = journals.read(out)
    missing = [run for run in runs if care.fresh or not found.done(run)]
    _announce(experiments, chosen, runs, missing, jobs, console, _resumable(runs, missing, out, care))
    note(console, (*plan.trained_as_others(asked), *found.left_out))
    ended = _train(missing, _setting(experiments, chosen, out, care), jobs, console) if missing else {}
    found = journals.read(out) if missing else found
    failed = list(_failures(missing, ended, found))
    sheets = {one.id: sheet_of(one, chosen, planned[one.id], found, target) for one in _tables(experiments, planned)}
    brief = len(experiments) > FEW
    for one in experiments:
        if one.id in without:
            console.print(f"\n[bold]{one.id}[/] not run: {escape(without[one.id])}", highlight=False, soft_wrap=True)
        else:
            _show(one, sheets.get(one.id), chosen, out, console, brief)
    _complain(failed, console)
    used = list(sheets.values())
    if tracking and used:
        used = [*tracked.kindred(used, chosen, found, target), *used]
        _track(used, out, console)
    note(console, [made_elsewhere(used)])
    return 1 if failed else 0


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
    ids, others = {run.id for run in asked}, []
    for id in tables.IDS:
        with contextlib.suppress(UserError, methods.MethodError):  # a table that was not asked for may not go
            others += [run for run in plan.runs(tables.table(id), whole(chosen)) if run.id in ids]
    return plan.distinct([*asked, *others, *asked])  # in the order, and under the rows, that were asked for


def _tables(experiments: Sequence[Experiment], planned: dict[str, list[Run]]) -> list[Table]:
    return [one for one in experiments if isinstance(one, Table) and one.id in planned]


def _cards(experiments: Sequence[Experiment], chosen: Choices) -> dict[str, Card]:
    """The cards of all rows, delays and all, by their content."""
    found = {}
    for one in experiments:
        card = plan.card_of(one, chosen) if isinstance(one, Table) else None
        if card is not None and isinstance(one, Table):
            for row in plan.rows(one, chosen):
                found[card.delayed(row.delays).sha256] = card.delayed(row.delays)
    return found


def _setting(experiments: Sequence[Experiment], chosen: Choices, out: Path, care: Care) -> Setting:
    cards, here = _cards(experiments, chosen), environment.describe(chosen.device)
    seen = gpus.each() if chosen.device == "cuda" else ()
    return Setting(out, chosen.data, cards, chosen.plugins, here, seen, care.stall_after, care.fresh, care.checkpoints)


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


def _resumable(runs: Sequence[Run], missing: Sequence[Run], out: Path, care: Care) -> int:
    """How many of the missing have checkpoints to go on from; those of the others are removed."""
    keeper.prune(out, {run.id for run in runs} - {run.id for run in missing})
    return 0 if care.fresh else sum(bool(checkpoints.found(out, run.id)) for run in missing)


def _train(missing: Sequence[Run], setting: Setting, jobs: int, console: Console) -> dict[str, Ended]:
    """-> how each run ended, by its id."""
    again = "the same command without --fresh" if setting.fresh else "the same command"  # carries on after Ctrl-C
    begun = time.monotonic()
    with Display(missing, console) as display:
        try:
            ended = pool.train_all(missing, setting, jobs=min(jobs, len(missing)), listen=display)
        except KeyboardInterrupt as error:
            asked = signals.signalled(error)
            kept = f"{display.done} of {many(len(missing))} done and kept"
            raise Interrupted(f"{asked.word}: {kept}; {again} carries on.", asked.code) from None
    console.print(f"{many(len(missing))} in {duration(time.monotonic() - begun)} (wall clock)", highlight=False)
    return ended


def _failures(missing: Sequence[Run], ended: Mapping[str, Ended], found: Journals) -> Iterator[str]:
    """A sentence for each run that failed, or whose journal is not there, or no more, though it has ended."""
    for run in missing:
        end = ended.get(run.id)
        if end is not None and end.status == "failed":
            yield f"{run.title}: {end.reason}"
        elif end is not None and not found.done(run):
            yield f"{run.title}: it was trained, and its journal in --out is gone or damaged; run again."


def _complain(failed: Sequence[str], console: Console) -> None:
    for sentence in failed:
        console.print(f"[bold red]Failed:[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def _show(one: Experiment, sheet: Sheet | None, chosen: Choices, out: Path, console: Console, brief: bool) -> None:
    """A table from its sheet, or an analysis, which is carried out."""
    if isinstance(one, Analysis):
        _analyse(one, chosen, out, console, brief)
    elif sheet is not None:
        _print(assemble(sheet).with_pictures(pictures.draw(sheet, out), out), out, console, brief)


def _analyse(one: Analysis, chosen: Choices, out: Path, console: Console, brief: bool) -> None:
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
    *others, last = found.tables
    for table in (*others, last.with_pictures(found.pictures, out)):
        _print(table, out, console, brief)


def _print(result: ResultTable, out: Path, console: Console, brief: bool) -> None:
    """brief: the notes and the audit are in the Markdown file alone."""
    console.print()
    console.print(to_rich(result, brief=brief))
    written, *made = write(result, out / "tables")
    files = ", ".join([str(written), *(path.name for path in made), *(str(out / name) for name in result.pictures)])
    more = "; notes and audit: the .md" if brief else ""
    say(console, f"Written: {files}{more}", style="dim")


def _track(sheets: Sequence[Sheet], out: Path, console: Console) -> None:
    try:
        say(console, str(tracked.feed(sheets, out)))
    except ResultsError as error:
        console.print(f"[yellow]Not tracked:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
