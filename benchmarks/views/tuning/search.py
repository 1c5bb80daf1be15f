"""Progress of tuning a table's rows, from the runs at hand: nothing else is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.runner.grid import Grid, GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.tuning import trials
from benchmarks.runner.tuning.search import Trial, TuningBudget
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import find_runs
from benchmarks.views.tuning.tuned import Search, TunedTable
from results.records import Record

Done = Callable[[Run], Record | None]
"""The record that counts as a run's, if it is complete."""


def search(cell: GridRow, budget: TuningBudget, done: Done) -> Search:
    """Search of one row on one network, as far as its runs are there. Raises as `trials.next_factors`."""
    tried: list[Trial] = []
    searched = trials.with_validation(cell, budget)
    records: list[Record] = []
    outer = trials.outer_rate(cell.runs[0].spec.method) is not None
    while True:
        planned = [
            (factors, trials.at(searched, factors, trials.tuning_seeds(budget)).runs)
            for factors in trials.next_factors(tried, budget, outer=outer)
        ]
        waiting = tuple(run for _, runs in planned for run in runs if done(run) is None)
        if waiting or not planned:
            return Search(cell, tuple(tried), tuple(records), waiting)
        for factors, runs in planned:
            found = [record for run in runs if (record := done(run)) is not None]
            tried.append(trials.trial(factors, found, budget.select))
            records += found


def at_best(grid: Grid, found: Sequence[Search]) -> Grid:
    """The rows at their best, at the table's seeds, as far as their search is over."""
    cells = (trials.at(one.cell, one.best.factors, grid.seeds) for one in found if one.over)
    return replace(grid, cells=tuple(cells))


def tuned_table(grid: Grid, budget: TuningBudget, over: Sequence[Search], found: Journals) -> TunedTable:
    """Collects the runs of tuned rows twice: at the table's learning rates, and at each row's best."""
    published = find_runs(grid, found)
    best = replace(find_runs(at_best(grid, over), found), targets_of=published)
    return TunedTable(budget, over, {"published": published, "best": best})
