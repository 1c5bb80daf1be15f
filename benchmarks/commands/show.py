"""`show`: what `run` would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from benchmarks.analyses.definition import Analysis
from benchmarks.commands import option_list, training
from benchmarks.commands.engines import Engine
from benchmarks.commands.screen import note, say
from benchmarks.experiments import Experiment
from benchmarks.papers.open_points import readings
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.pace import Pace
from benchmarks.runner.plan import Run
from benchmarks.runner.progress import duration
from benchmarks.runner.progress import runs as many
from benchmarks.runner.settings import renamed
from benchmarks.tables.definition import Table
from benchmarks.views import journals, notes
from benchmarks.workloads.data.cards import DataCard, card
from results.measures import MEASURES
from results.published import Published
from results.records.spec import flat


def show_experiments(
    found: Sequence[Experiment],
    chosen: Choices,
    out: Path,
    jobs: int,
    console: Console,
    engine: Engine | None = None,
) -> None:
    """engine: a cluster's, to which nothing is submitted."""
    everything: list[Run] = []
    for one in found:
        if isinstance(one, Analysis):
            _show_analysis(one, chosen, console)
            continue
        runs = plan.runs(one, chosen)
        everything += runs
        _show_table(one, chosen, runs, console)
    analyses = [_with_seconds(one, chosen) for one in found if isinstance(one, Analysis)]
    if engine is None and not everything:
        are = "are analyses, which plan" if len(analyses) > 1 else "is an analysis, which plans"
        say(console, f"{', '.join(analyses)} {are} no runs of a table. Seconds are a guess, of wall clock.")
    elif engine is None:
        print_expected(plan.distinct(everything), analyses, out, jobs, console)
    else:
        _print_jobs(plan.in_order(plan.distinct(everything)), out, engine, console)
    for clock in notes.clocks(found, chosen):
        console.print(f"Clock: {clock}", highlight=False, markup=False)


def _with_seconds(one: Analysis, chosen: Choices) -> str:
    """ "table9 (about 7 s)"."""
    if one.seconds is None:
        return one.id
    options = one.options(chosen.settings.get(one.id, {}))
    return f"{one.id} (about {duration(one.seconds(chosen.scale, options))})"


def print_expected(runs: Sequence[Run], analyses: Sequence[str], out: Path, jobs: int, console: Console) -> None:
    found = journals.read(out)
    missing = [run for run in runs if not found.done(run)]
    console.print(
        f"[bold]{many(len(runs))}[/], {len(runs) - len(missing)} of them done in {escape(str(out))}; {jobs} at a time. "
        f"Expected: {training.expected(missing, Pace(found.records), jobs)}"
        f"{'; analyses take their own time: ' + ', '.join(analyses) if analyses else ''}.",
        highlight=False,
    )
    note(console, found.left_out)


def _print_jobs(runs: Sequence[Run], out: Path, engine: Engine, console: Console) -> None:
    found = journals.read(out)
    missing = [run for run in runs if not found.done(run)]
    pace = Pace(found.records, engine.node)
    done = f"{many(len(runs))}, {len(runs) - len(missing)} of them done in {out}"
    say(console, f"{done}. To SLURM: {engine.slurm.described(missing, pace)}.")
    unseen = "" if engine.node is not None else "No node has been seen yet: runs are planned as for this machine."
    note(console, [unseen, *found.left_out])


def _show_analysis(one: Analysis, chosen: Choices, console: Console) -> None:
    console.print(f"[bold]{one.id}[/]: {escape(one.title)} ({escape(one.source)})", highlight=False)
    if one.about:
        say(console, one.about)
    options = one.options(chosen.settings.get(one.id, {})).model_dump(mode="json")
    console.print(f"options as resolved: {escape(_words(flat(options))) or 'none'}", highlight=False, style="dim")
    for option in option_list.options(one.Options):
        words = f"  {option.name} ({option.values}): {option.description}"
        console.print(words, highlight=False, markup=False, soft_wrap=True, style="dim")
    for line in readings.readings(one.id):
        console.print(f"Reading: {line}", highlight=False, markup=False, soft_wrap=True)
    console.print()


def _show_table(one: Table, chosen: Choices, runs: Sequence[Run], console: Console) -> None:
    console.print(f"[bold]{one.id}[/]: {escape(one.title)} ({one.source})", highlight=False)
    for line in (*renamed(plan.rows(one, chosen)), *plan.trained_as_others(runs)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    values = one.published
    for network in plan.networks(one, chosen):
        mine = [run for run in runs if run.spec.workload.network == network]
        if not mine:
            continue
        console.print(f"\n[bold]{network}[/]: {escape(mine[0].labels.network_label)}", highlight=False)
        say(console, _data(one, mine[0].data))
        console.print(escape(_words(flat(mine[0].spec.workload.document()))), highlight=False, style="dim")
        grid = Grid("row", *(f"{MEASURES[m].heading}, published" for m in one.measures), box=None)
        grid.columns[0].overflow = "fold"  # names of rows stay whole
        for row in plan.rows(one, chosen):
            cells = [_value(values.get((network, row.key, measure))) for measure in one.measures]
            grid.add_row(escape(row.key), *cells)
        console.print(grid)
        console.print("options as resolved")
        for row in plan.rows(one, chosen):
            run = next(run for run in mine if run.labels.row == row.key)
            first, its = (flat(one.spec.workload.document()) for one in (mine[0], run))
            own = {key: value for key, value in its.items() if value != first.get(key)}
            options = _words({**flat(run.method.options), **own})
            console.print(f"  {row.key}: {options}", highlight=False, markup=False, soft_wrap=True, style="dim")
    for line in readings.readings_of(one.id, runs):
        console.print(f"Reading: {line}", highlight=False, markup=False, soft_wrap=True)
    console.print()


def _data(one: Table, found: DataCard) -> str:
    """What is trained on, as it was found, and what the published values are of where that is something else."""
    paper = card(one.family)
    other = f"; the published values are of {paper.title}" if one.published and found.unlike(paper) else ""
    return f"Data: {found.label or found.title}{other}."


def _value(value: Published | None) -> str:
    if value is None:
        return "-"
    return f"{value.mean:g}" + (f" ± {value.std:g}" if value.std is not None else "")


def _words(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())
