"""`run`: plan, train what is missing, print the tables, feed MLflow."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks import assemble, choices, environment, plan, pool
from benchmarks.child import Setting
from benchmarks.errors import Interrupted, UserError
from benchmarks.plan import Choices, Run
from benchmarks.progress import Display, duration
from benchmarks.progress import runs as many
from benchmarks.tables import IDS, Table, table
from reports.render import to_rich, write
from results import published, records
from results.errors import ResultsError
from results.records import Record
from results.statistics import Summary


def run(
    tables: Sequence[Table],
    chosen: Choices,
    *,
    out: Path,
    data: Path | None,
    jobs: int,
    fresh: bool,
    tracking: bool,
    target: float | None,
    console: Console,
) -> int:
    """-> the exit code: 0, or 1 if a run failed."""
    planned = {one.id: plan.runs(one, chosen) for one in tables}
    if not all(planned.values()):
        empty = ", ".join(name for name, runs in planned.items() if not runs)
        raise UserError(f"Nothing to run for {empty}: --method and --network leave no row of it.")
    runs = plan.in_order(plan.distinct(run for of_table in planned.values() for run in of_table))
    choices.check_out(out)
    missing = [run for run in runs if fresh or records.complete(out, run.id) is None]
    choices.check_data(missing, data)
    _announce(tables, chosen, runs, missing, jobs, console)
    again = "the same command without --fresh" if fresh else "the same command"
    failed = _train(missing, chosen, out, data, jobs, console, again) if missing else []
    sheets = [_sheet(one, chosen, planned[one.id], out, target) for one in tables]
    for sheet in sheets:
        result = assemble.assemble(sheet)
        console.print()
        console.print(to_rich(result))
        csv, markdown = write(result, out / "tables")
        console.print(f"Written: {csv}, {markdown.name}", highlight=False, markup=False, soft_wrap=True, style="dim")
    for sentence in failed:
        console.print(f"[bold red]Failed:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    if tracking:
        _track([*sheets, *_kindred(sheets, out)], console)
    return 1 if failed else 0


def _announce(
    tables: Sequence[Table], chosen: Choices, runs: Sequence[Run], missing: Sequence[Run], jobs: int, console: Console
) -> None:
    names = ", ".join(one.id for one in tables)
    console.print(
        f"[bold]{names}[/] at scale {chosen.scale}: {many(len(runs))}, {len(runs) - len(missing)} of them "
        f"done before, {jobs} at a time",
        highlight=False,
    )
    console.print(f"Clock: {assemble.clock(chosen)}", highlight=False, markup=False)


def _train(
    missing: Sequence[Run],
    chosen: Choices,
    out: Path,
    data: Path | None,
    jobs: int,
    console: Console,
    again: str,
) -> list[str]:
    """-> a sentence for each run that failed. again: how to carry on after Ctrl-C."""
    setting = Setting(out, data, chosen.card, chosen.plugins, environment.describe())
    begun = time.monotonic()
    with Display(missing, console) as display:
        try:
            ended = pool.train_all(missing, setting, jobs=min(jobs, len(missing)), listen=display)
        except KeyboardInterrupt:
            raise Interrupted(
                f"Interrupted: {display.done} of {many(len(missing))} done and kept; {again} carries on."
            ) from None
    console.print(f"{many(len(missing))} in {duration(time.monotonic() - begun)} (wall clock)", highlight=False)
    titles = {run.id: run.title for run in missing}
    return [f"{titles[id]}: {reason}" for id, (status, reason) in ended.items() if status == "failed"]


def _sheet(one: Table, chosen: Choices, planned: Sequence[Run], out: Path, target: float | None) -> assemble.Sheet:
    found: dict[tuple[str, str], list[Record]] = {}
    for run in planned:
        path = records.folder_of(out, run.id) / records.JOURNAL
        if path.is_file():
            key = str(run.spec["workload"]["network"]), str(run.labels["row"])
            with contextlib.suppress(ResultsError):  # cut before its first line: nothing of it is there
                found.setdefault(key, []).append(records.read(path))
    return assemble.Sheet(one, chosen, plan.rows(one, chosen), plan.networks(one, chosen), planned, found, target)


def _kindred(sheets: Sequence[assemble.Sheet], out: Path) -> Iterator[assemble.Sheet]:
    """All tables of the same workloads, with all their rows, as far as their runs are there.

    What MLflow says of a method then depends on the runs that there are, and not on the table or on the --method that
    was asked for last.
    """
    families = {sheet.table.family: sheet for sheet in sheets}
    for one in map(table, IDS):
        if one.family in families:
            chosen, target = families[one.family].choices, families[one.family].target
            every_row = replace(chosen, methods=())
            yield _sheet(one, every_row, plan.runs(one, every_row), out, target)


def _track(sheets: Sequence[assemble.Sheet], console: Console) -> None:
    from results import tracking

    measured: dict[str, dict[tuple[str, str, str], Summary]] = {}
    for sheet in sheets:
        measured.setdefault(sheet.table.family, {}).update(assemble.measured(sheet))
    found = {record.id: record for sheet in sheets for of_row in sheet.records.values() for record in of_row}
    try:
        fed = tracking.feed(list(found.values()), published=published.by_dataset(), measured=measured)
        console.print(str(fed), highlight=False, markup=False, soft_wrap=True)
    except ResultsError as error:
        console.print(f"[yellow]Not tracked:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
