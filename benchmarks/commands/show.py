"""`show`: what `run` would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Columns

from benchmarks.analyses.definition import Analysis
from benchmarks.commands import option_list, training
from benchmarks.commands.screen import note, say
from benchmarks.experiments import Experiment
from benchmarks.papers.ambiguities.interpretations import interpretations
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.engines.slurm import Slurm
from benchmarks.runner.grid import Grid, resolve
from benchmarks.runner.pace import Pace
from benchmarks.runner.plan import Run
from benchmarks.runner.progress import duration
from benchmarks.runner.progress import runs as many
from benchmarks.runner.settings import renamed
from benchmarks.tables.definition import Table
from benchmarks.views import journals, notes
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import find_runs
from benchmarks.workloads.data.cards import DataCard, card
from reports.tables.texts import notes as table_notes
from results.measures import MEASURES
from results.published import Published
from results.records.spec import flat

MOST_ROWS = 100
"""The most rows of a table that are printed."""


def show_experiments(
    found: Sequence[Experiment],
    chosen: Choices,
    out: Path,
    jobs: int,
    console: Console,
    slurm: Slurm | None = None,
) -> None:
    """slurm: a cluster, to which nothing is submitted."""
    grids: list[Grid] = []
    for one in found:
        if isinstance(one, Analysis):
            _show_analysis(one, chosen, console)
        else:
            grids.append(resolve(one, chosen))
            _show_table(grids[-1], console)
    everything = [run for grid in grids for run in grid.runs]
    analyses = [_with_seconds(one, chosen) for one in found if isinstance(one, Analysis)]
    if slurm is None and not everything:
        are = "are analyses, which plan" if len(analyses) > 1 else "is an analysis, which plans"
        say(console, f"{', '.join(analyses)} {are} no runs of a table. Seconds are a guess, of wall clock.")
    else:
        _print_expected(plan.in_order(plan.distinct(everything)), analyses, out, jobs, slurm, console)
    for clock in notes.clocks(grids):
        console.print(f"Clock: {clock}", highlight=False, markup=False)


def show_audit(found: Sequence[Experiment], chosen: Choices, out: Path, console: Console) -> None:
    """Say all that qualifies the tables, by their runs in `out` as far as they are there."""
    there = journals.read(out)
    for one in found:
        if isinstance(one, Table):
            table = assemble(find_runs(resolve(one, chosen), there))
            say(console, f"{table.title} ({table.source})", "bold")
            for line in (*table.captions, *table_notes(table)):
                say(console, line)
            console.print()


def _with_seconds(one: Analysis, chosen: Choices) -> str:
    """ "table9 (about 7 s)"."""
    options = one.options(chosen.settings.get(one.id, {}))
    return one.id if one.seconds is None else f"{one.id} (about {duration(one.seconds(chosen.scale, options))})"


def _print_expected(
    runs: Sequence[Run], analyses: Sequence[str], out: Path, jobs: int, slurm: Slurm | None, console: Console
) -> None:
    """Say how many runs are missing, and how long this machine, or jobs of a cluster, would train them."""
    found = journals.read(out)
    missing = [run for run in runs if not found.done(run)]
    done = f"{many(len(runs))}, {len(runs) - len(missing)} of them done in {out}"
    others = f"; analyses take their own time: {', '.join(analyses)}" if analyses else ""
    if slurm is None:
        expected = training.expected(missing, Pace(found.records), jobs)
        say(console, f"{done}; {jobs} at a time. Expected: {expected}{others}.")
        note(console, found.remarks)
        return
    say(console, f"{done}. To SLURM: {slurm.described(missing, Pace(found.records, slurm.node))}{others}.")
    unseen = "" if slurm.node is not None else "No node has been seen yet: runs are planned as for this machine."
    note(console, [unseen, *found.remarks])


def _show_analysis(one: Analysis, chosen: Choices, console: Console) -> None:
    console.print(f"[bold]{one.id}[/]: {escape(one.title)} ({escape(one.source)})", highlight=False)
    if one.about:
        say(console, one.about)
    options = one.options(chosen.settings.get(one.id, {})).model_dump(mode="json")
    console.print(f"options as resolved: {escape(_words(flat(options))) or 'none'}", highlight=False, style="dim")
    for option in option_list.options(one.Options):
        words = f"  {option.name} ({option.values}): {option.description}"
        console.print(words, highlight=False, markup=False, soft_wrap=True, style="dim")
    for line in interpretations(one.id):
        console.print(f"Reading: {line}", highlight=False, markup=False, soft_wrap=True)
    console.print()


def _show_table(grid: Grid, console: Console) -> None:
    one, rows, values = grid.table, grid.rows, grid.published
    console.print(f"[bold]{one.id}[/]: {escape(one.title)} ({one.source})", highlight=False)
    for line in (*renamed(rows), *plan.trained_as_others(grid.runs)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for network in grid.networks if rows else ():
        mine = {cell.row.key: cell.runs[0] for cell in grid.cells if cell.network == network}
        first = mine[rows[0].key]
        document = flat(first.spec.workload.document())
        console.print(f"\n[bold]{network}[/]: {escape(first.labels.network_label)}", highlight=False)
        say(console, _data(one, first.data, beside=bool(values)))
        console.print(escape(_words(document)), highlight=False, style="dim")
        columns = Columns("row", *(f"{MEASURES[m].heading}, published" for m in one.measures), box=None)
        columns.columns[0].overflow = "fold"  # names of rows stay whole
        for row in rows[:MOST_ROWS]:
            cells = [_value(values.get((network, row.key, measure))) for measure in one.measures]
            columns.add_row(escape(row.key), *cells)
        console.print(columns)
        console.print("options as resolved")
        for row in rows[:MOST_ROWS]:
            its = flat(mine[row.key].spec.workload.document())
            own = {key: value for key, value in its.items() if value != document.get(key)}
            options = _words({**flat(mine[row.key].method.options), **own})
            console.print(f"  {row.key}: {options}", highlight=False, markup=False, soft_wrap=True, style="dim")
        if more := len(rows[MOST_ROWS:]):
            say(console, f"  and {more:,} more rows: name those to show by --method")
    for line in grid.cautions:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for line in interpretations(one.id, grid.runs):
        console.print(f"Reading: {line}", highlight=False, markup=False, soft_wrap=True)
    console.print()


def _data(one: Table, found: DataCard, *, beside: bool) -> str:
    """Says what is trained on, as it was found, and what the published values are of where that is something else.

    beside: whether these stand beside the runs.
    """
    paper = card(one.family)
    apart = "" if beside else ", and do not stand beside it"
    other = f"; the published values are of {paper.title}{apart}" if one.published and found.unlike(paper) else ""
    return f"Data: {found.label or found.title}{other}."


def _value(value: Published | None) -> str:
    if value is None:
        return "-"
    return f"{value.mean:g}" + (f" ± {value.std:g}" if value.std is not None else "")


def _words(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())
