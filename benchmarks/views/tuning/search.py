"""How far the tuning of a table's rows is, by the runs at hand: nothing else is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.tuning import trials
from benchmarks.runner.tuning.search import Factors, Trial, TuningBudget
from benchmarks.tables.definition import Row, Table
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


def searches(table: Table, choices: Choices, budget: TuningBudget, done: Done) -> list[Search]:
    """Of all networks and rows as chosen. Raises as `plan.runs`, and as `trials.next_factors`."""
    return [
        search(table, network, row, choices, budget, done)
        for network in plan.networks(table, choices)
        for row in plan.rows(table, choices)
    ]


def search(table: Table, network: str, row: Row, choices: Choices, budget: TuningBudget, done: Done) -> Search:
    tried: list[Trial] = []
    records: list[Record] = []
    while True:
        planned = [
            (factors, trials.runs(table, network, row, factors, trials.tuning_seeds(budget), choices))
            for factors in trials.next_factors(tried, budget)
        ]
        waiting = tuple(run for _, runs in planned for run in runs if done(run) is None)
        if waiting or not planned:
            return Search(network, row, tuple(tried), tuple(records), waiting)
        for factors, runs in planned:
            found = [record for run in runs if (record := done(run)) is not None]
            tried.append(trials.trial(factors, found))
            records += found


def final_runs(table: Table, found: Sequence[Search], choices: Choices) -> list[Run]:
    """Those of the rows at their best, at the table's seeds, as far as their search is over."""
    return [run for one in found if one.over for run in of_factors(table, one, one.best.factors, choices)]


def tuned_table(
    table: Table,
    choices: Choices,
    budget: TuningBudget,
    over: Sequence[Search],
    found: Journals,
    target: float | None = None,
) -> TunedTable:
    """The rows whose searches are over, by the runs at hand at the table's rates and at each one's best."""
    published = sheet_of(table, choices, plan.runs(table, choices), found, target)
    best = sheet_of(table, choices, final_runs(table, over, choices), found, target)
    contexts = {one.network: context(published, one.network) for one in over}
    return TunedTable(budget, over, {"published": published, "best": best}, contexts)


def of_factors(table: Table, one: Search, factors: Factors, choices: Choices) -> tuple[Run, ...]:
    return trials.runs(table, one.network, one.row, factors, choices.seeds, choices)
