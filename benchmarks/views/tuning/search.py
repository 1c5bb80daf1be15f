"""How far the tuning of a table's rows is, by the runs at hand: nothing else is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.runner.grid import Grid, GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.tuning import trials
from benchmarks.runner.tuning.search import Trial, TuningBudget
from benchmarks.views.journals import Journals
from benchmarks.views.sheets import sheet_of
from benchmarks.views.tuning.tuned import Search, TunedTable
from benchmarks.views.values import context
from results.records import Record

Done = Callable[[Run], Record | None]
"""The record that counts as a run's, if it is complete."""


def done_by(found: Journals) -> Done:
    """Runs of exactly their identity: a rate is chosen by this checkout's sources alone."""

    def done(run: Run) -> Record | None:
        return found.exact(run) if found.done(run) else None

    return done


def searches(grid: Grid, budget: TuningBudget, done: Done) -> list[Search]:
    """Of all networks and rows as chosen. Raises as `trials.next_factors`."""
    return [search(cell, budget, done) for cell in grid.cells]


def search(cell: GridRow, budget: TuningBudget, done: Done) -> Search:
    tried: list[Trial] = []
    records: list[Record] = []
    while True:
        planned = [
            (factors, trials.at(cell, factors, trials.tuning_seeds(budget)).runs)
            for factors in trials.next_factors(tried, budget)
        ]
        waiting = tuple(run for _, runs in planned for run in runs if done(run) is None)
        if waiting or not planned:
            return Search(cell, tuple(tried), tuple(records), waiting)
        for factors, runs in planned:
            found = [record for run in runs if (record := done(run)) is not None]
            tried.append(trials.trial(factors, found))
            records += found


def at_best(grid: Grid, found: Sequence[Search]) -> Grid:
    """The rows at their best, at the table's seeds, as far as their search is over."""
    cells = (trials.at(one.cell, one.best.factors, grid.seeds) for one in found if one.over)
    return replace(grid, cells=tuple(cells))


def tuned_table(grid: Grid, budget: TuningBudget, over: Sequence[Search], found: Journals) -> TunedTable:
    """The rows whose searches are over, by the runs at hand at the table's rates and at each one's best."""
    published, best = sheet_of(grid, found), sheet_of(at_best(grid, over), found)
    contexts = {one.network: context(published, one.network) for one in over}
    return TunedTable(budget, over, {"published": published, "best": best}, contexts)
