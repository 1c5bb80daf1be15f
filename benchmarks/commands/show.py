"""`show`: prints what `run` would train, and how long that would take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Columns

import methods
from benchmarks.analyses.definition import Analysis
from benchmarks.commands import option_list, training
from benchmarks.commands.choose import absent
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.experiments import Experiment
from benchmarks.papers.ambiguities.interpretations import interpretations
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.engines.slurm import Slurm
from benchmarks.runner.grid import Grid
from benchmarks.runner.pace import Pace, crowding
from benchmarks.runner.plan import Run
from benchmarks.runner.progress import duration
from benchmarks.runner.progress import runs as many
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Table
from benchmarks.views import journals, notes
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import find_runs
from benchmarks.workloads.data.cards import DataCard, card
from reports.tables.texts import notes as table_notes
from results.measures import MEASURES, named
from results.published import Published
from results.records.spec import flat

MOST_ROWS = 100
"""The most rows of a table that are printed."""
MAIN_SETTINGS = (
    *("train_samples", "test_samples", "batch", "epochs", "patience", "optimizer.name", "optimizer.momentum"),
    *("optimizer.weight_decay", "schedule.kind", "schedule.lr"),
)
"""The fields of a workload that a plan begins with."""


def show_experiments(
    experiments: Sequence[Experiment],
    chosen: Choices,
    out: Path,
    jobs: int,
    console: Console,
    slurm: Slurm | None = None,
) -> None:
    """Prints how many runs are missing in `out` and how long they would take, then the plan of every experiment.

    slurm: the cluster that would train them; nothing is submitted. Raises UserError where nothing is planned.
    """
    resolved = {table.id: resolve(table, chosen) for table in experiments if isinstance(table, Table)}
    grids = list(resolved.values())
    if len(grids) == len(experiments) and not any(grid.cells for grid in grids):
        raise UserError(f"Nothing to show for {', '.join(resolved)}: --method and --network leave no row of it.")
    everything = [run for grid in grids for run in grid.runs]
    analyses = [_with_seconds(item, chosen) for item in experiments if isinstance(item, Analysis)]
    if slurm is None and not everything:
        are = "are analyses, which plan" if len(analyses) > 1 else "is an analysis, which plans"
        say(console, f"{', '.join(analyses)} {are} no runs of a table. Seconds are a guess, of wall clock.")
    else:
        _print_expected(plan.in_order(plan.distinct(everything)), analyses, out, jobs, slurm, console, chosen.data)
    for clock in notes.clocks(grids):
        console.print(f"Clock: {clock}", highlight=False, markup=False)
    console.print()
    for experiment in experiments:
        if isinstance(experiment, Analysis):
            _show_analysis(experiment, chosen, console)
        else:
            _show_table(resolved[experiment.id], console)


def show_audit(experiments: Sequence[Experiment], chosen: Choices, out: Path, console: Console) -> None:
    """Prints every setting of the tables, then captions and notes from those of their runs that are in `out`."""
    runs = journals.read(out)
    for experiment in experiments:
        if isinstance(experiment, Table):
            grid = resolve(experiment, chosen)
            table = assemble(find_runs(grid, runs))
            say(console, f"{table.title} ({table.source})", "bold")
            _show_settings(grid, console)
            for line in (*table.captions, *table_notes(table)):
                say(console, line)
            console.print()


def _with_seconds(analysis: Analysis, chosen: Choices) -> str:
    """Returns the analysis's id, with its expected seconds where they are known: "table9 (about 7 s)"."""
    if analysis.seconds is None:
        return analysis.id
    options = analysis.options(chosen.settings.get(analysis.id, {}))
    return f"{analysis.id} (about {duration(analysis.seconds(chosen.scale, options))})"


def _print_expected(
    runs: Sequence[Run],
    analyses: Sequence[str],
    out: Path,
    jobs: int,
    slurm: Slurm | None,
    console: Console,
    data: Path | None,
) -> None:
    """Prints how many of the runs are done, and how long this machine or the cluster would train the others."""
    existing = journals.read(out)
    missing = [run for run in runs if not existing.done(run)]
    status = f"{many(len(runs))}, {len(runs) - len(missing)} of them done in {out}"
    other_analyses = f"; analyses take their own time: {', '.join(analyses)}" if analyses else ""
    if slurm is None:
        note(console, absent(missing, data))
        expected = training.expected(missing, Pace(existing.records, crowding=crowding(jobs)), jobs)
        say(console, f"{status}; {jobs} at a time. Expected: {expected}{other_analyses}.")
        note(console, existing.remarks)
        return
    say(console, f"{status}. To SLURM: {slurm.described(missing, Pace(existing.records, slurm.node))}{other_analyses}.")
    unseen = "" if slurm.node is not None else "No node has been seen yet: runs are planned as for this machine."
    note(console, [unseen, *existing.remarks])


def _show_analysis(analysis: Analysis, chosen: Choices, console: Console) -> None:
    """Prints an analysis's title, its options with their values, and how it reads the paper's ambiguities."""
    console.print(f"[bold]{analysis.id}[/]: {escape(analysis.title)} ({escape(analysis.source)})", highlight=False)
    if analysis.about:
        say(console, analysis.about)
    options = analysis.options(chosen.settings.get(analysis.id, {})).model_dump(mode="json")
    console.print(f"options as resolved: {escape(_words(flat(options))) or 'none'}", highlight=False, style="dim")
    for option in option_list.options(analysis.Options):
        words = f"  {option.name} ({option.values}): {option.description}"
        say(console, words, "dim")
    for line in interpretations(analysis.id):
        say(console, f"Reading: {line}")
    console.print()


def _show_table(grid: Grid, console: Console) -> None:
    """Prints a table's plan: its data, its main settings, and each row with its own settings and published values."""
    table, rows, values = grid.table, grid.rows, grid.published
    console.print(f"[bold]{table.id}[/]: {escape(table.title)} ({table.source})", highlight=False)
    for line in (*grid.renamed, *plan.trained_as_others(grid.runs)):
        say(console, line)
    for network, runs in _by_network(grid).items():
        first = runs[rows[0].key]
        document = flat(first.spec.workload.document())
        console.print(f"\n[bold]{network}[/]: {escape(first.labels.network_label)}", highlight=False)
        say(console, _data(table, first.data, beside=bool(values)))
        main = {key: document[key] for key in MAIN_SETTINGS if document[key] is not None or not grid.own_data}
        console.print(escape(_words(main)), highlight=False, style="dim")
        measures = [named(MEASURES[key], first.labels.judge) for key in table.measures]
        columns = Columns("row", *(f"{measure.heading}, published" for measure in measures), box=None)
        columns.columns[0].overflow = "fold"  # names of rows stay whole, in one line where there is room
        columns.columns[0].min_width = min(60, max(len(row.key) for row in rows))
        for column in columns.columns[1:]:
            column.max_width = 18
        for row in rows[:MOST_ROWS]:
            cells = [_value(values.get((network, row.key, measure))) for measure in table.measures]
            words = _words(_own_settings(row.key, runs[row.key], document))
            columns.add_row(escape(row.key + (f"\n  {words}" if words else "")), *cells)
        console.print(columns)
        if more := len(rows[MOST_ROWS:]):
            say(console, f"  and {more:,} more rows: name those to show by --method")
    for line in grid.cautions:
        say(console, line)
    if count := len(interpretations(table.id, grid.runs)):
        points = "1 ambiguity of the paper is" if count == 1 else f"{count} ambiguities of the paper are"
        say(
            console,
            f"{points} read in one way here, each by an option: show {table.id} --audit has them, and all settings.",
        )
    console.print()


def _by_network(grid: Grid) -> dict[str, dict[str, Run]]:
    """Maps network -> row's key -> the row's first run; empty for a table without rows."""
    networks = grid.networks if grid.rows else ()
    return {name: {cell.row.key: cell.runs[0] for cell in grid.cells if cell.network == name} for name in networks}


def _own_settings(key: str, run: Run, settings: Mapping[str, object]) -> dict[str, object]:
    """Returns a row's settings that its key leaves out.

    These are options that differ from the method's defaults, and workload fields that differ from the first row's
    `settings`.
    """
    options = _differing(run.method.options, flat(methods.with_defaults(run.method.name, {})))
    fields = _differing(run.spec.workload.document(), settings)
    return {name: value for name, value in (options | fields).items() if f"{name}=" not in key}


def _differing(values: Mapping[str, JsonValue], reference: Mapping[str, object]) -> dict[str, object]:
    """Returns, flat, the values that are not the same in the flat `reference`."""
    return {name: value for name, value in flat(values).items() if value != reference.get(name)}


def _show_settings(grid: Grid, console: Console) -> None:
    """Prints every setting of the workloads, every option of the rows, and how each ambiguity is read."""
    for network, runs in _by_network(grid).items():
        document = flat(runs[grid.rows[0].key].spec.workload.document())
        console.print(f"[bold]{network}[/]: {escape(_words(document))}", highlight=False)
        for key, run in runs.items():
            options = _words(flat(run.method.options) | _differing(run.spec.workload.document(), document))
            say(console, f"  {key}: {options}", "dim")
    for line in interpretations(grid.table.id, grid.runs):
        say(console, f"Reading: {line}")


def _data(table: Table, data: DataCard, *, beside: bool) -> str:
    """Returns a sentence that names the data of the runs, and the paper's data where they are others.

    data: the card of the data set in the form that is on this machine. beside: whether published values are printed.
    """
    paper = card(table.family)
    apart = "" if beside else ", and do not stand beside it"
    published_on = (
        f"; the published values are of {paper.title}{apart}" if table.published and data.unlike(paper) else ""
    )
    return f"Data: {data.label or data.title}{published_on}."


def _value(value: Published | None) -> str:
    if value is None:
        return "-"
    return f"{value.mean:g}" + (f" ± {value.std:g}" if value.std is not None else "")


def _words(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())
