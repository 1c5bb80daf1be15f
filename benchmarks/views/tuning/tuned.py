"""A table's rows as published and each at its best: searches, values, intervals, ranks and costs, from the journals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.runner.grid import Grid, GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.tuning import trials
from benchmarks.runner.tuning.search import VALIDATION, Trial, TuningBudget, best
from benchmarks.tables.definition import Row
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import BITS, TableRuns, find_runs
from results.measures import MEASURES, Measure, best_measure, named
from results.records import Record
from results.statistics import extent
from results.statistics.budgets import BUDGETS
from results.statistics.intervals import Interval, mean_interval

FOLDER = "tuning"
"""Below --out: these tables are of no paper, so no reproduction keeps them and no claim reads them."""
Side = Literal["published", "best"]
SIDES: tuple[Side, ...] = ("published", "best")


@dataclass(frozen=True)
class Search:
    """The search of one row on one network. trials: those that are done. open: runs that the next trials wait for."""

    cell: GridRow
    trials: tuple[Trial, ...]
    records: tuple[Record, ...]
    open: tuple[Run, ...]

    @property
    def network(self) -> str:
        return self.cell.network

    @property
    def row(self) -> Row:
        return self.cell.row

    @property
    def over(self) -> bool:
        return not self.open

    @property
    def best(self) -> Trial:
        return best(self.trials)


def search(cell: GridRow, budget: TuningBudget, done: Callable[[Run], Record | None]) -> Search:
    """Searches one row on one network, as far as its runs are present. Raises as `trials.next_factors`.

    done: gives the record that counts as a run's, if it is complete.
    """
    tried: list[Trial] = []
    records: list[Record] = []
    searched = trials.with_validation(cell, budget)
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
            of_trial = [record for run in runs if (record := done(run)) is not None]
            tried.append(trials.trial(factors, of_trial, budget.select))
            records += of_trial


@dataclass(frozen=True)
class Spent:
    """Cost of a search: its trials, and the epochs, samples and seconds (of the executor's clock) of their runs."""

    trials: int = 0
    epochs: float = 0
    samples: int = 0
    seconds: float = 0.0


def spent(search: Search) -> Spent:
    extents = [last for record in search.records if (last := extent(record)) is not None]
    return Spent(
        trials=len(search.trials),
        epochs=sum(last.epochs for last in extents),
        samples=sum(_samples(record) for record in search.records),
        seconds=sum(last.seconds for last in extents),
    )


def _samples(record: Record) -> int:
    batch = int(str(record.spec.workload.document()["batch"]))
    return record.evaluations[-1].step * batch if record.evaluations else 0


def at_best(grid: Grid, searches: Sequence[Search]) -> Grid:
    """The rows at their best, at the table's seeds, as far as their search is over."""
    cells = (trials.at(search.cell, search.best.factors, grid.seeds) for search in searches if search.over)
    return replace(grid, cells=tuple(cells))


@dataclass(frozen=True)
class TunedTable:
    """Runs of the same rows at the table's rates and with each row at its best; `searches` are over.

    The targets of the published rates hold on both sides.
    """

    budget: TuningBudget
    searches: Sequence[Search]
    sides: Mapping[Side, TableRuns]

    @property
    def published(self) -> TableRuns:
        return self.sides["published"]

    @property
    def rates(self) -> str:
        """Word for the table's rates in outputs: "published" or "set"."""
        return self.published.grid.rates

    @property
    def held_out(self) -> str:
        """Validation samples of the trials, in words: "1,000"; "" where the test split chose."""
        if self.budget.select != VALIDATION:
            return ""
        counts = sorted({trials.validation_samples(search.cell) for search in self.searches})
        return " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))

    @property
    def judged(self) -> Measure:
        """The measure that rows are tuned for, and ranked by first."""
        return best_measure(self.published.judge)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measure that rows are tuned for, then the table's own."""
        own = [MEASURES[key] for key in self.published.table.measures if key != self.judged.key]
        judge = self.published.judge
        return (self.judged, *(named(measure, judge) if measure.needs in BUDGETS else measure for measure in own))

    @property
    def ranked(self) -> tuple[Measure, ...]:
        """Measures that rows are ranked by: the judged one, and the table's first that has a better side.

        Bits per byte alone, where rows are of unlike tokens.
        """
        if self.published.grid.unlike_tokens:
            return (BITS,)
        others = [measure for measure in self.measures[1:] if measure.better]
        return (self.judged, *others[:1])

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(search.network for search in self.searches))

    def of(self, network: str) -> list[Search]:
        return [search for search in self.searches if search.network == network]

    def cell(self, side: Side, search: Search) -> GridRow:
        """The searched row at the rates of a side."""
        cells = self.sides[side].grid.cells
        return next(cell for cell in cells if (cell.network, cell.row) == (search.network, search.row))

    def records(self, side: Side, network: str, row: Row) -> list[Record]:
        return self.sides[side].complete(network, row.key)

    def every_record(self) -> Iterator[tuple[Search, Record]]:
        """Yields the runs of each search, then those of the published rates and of its best, each once."""
        for search in self.searches:
            final = [record for side in SIDES for record in self.records(side, search.network, search.row)]
            for record in {record.id: record for record in (*search.records, *final)}.values():
                yield search, record

    def interval(self, side: Side, network: str, row: Row) -> Interval | None:
        """Interval of the mean that rows are tuned for; None where fewer than two runs, or not all, have a value."""
        values = [self.judged.of(record) for record in self.records(side, network, row)]
        reached = [value for value in values if value is not None]
        interval = mean_interval(reached) if len(reached) == len(values) else None
        return self.judged.possible(interval) if interval is not None else None

    def ranks(self, side: Side, network: str, measure: Measure) -> dict[str, int]:
        """Rank of each row; equal means share one. A mean that not all runs have comes last, by its lower bound."""
        keys = {}
        for search in self.of(network):
            summary, _ = self.sides[side].value(network, search.row.key, measure)
            bounded = summary is not None and summary.mean is None
            value = None if summary is None else summary.at_least if bounded else summary.mean
            if value is not None:
                keys[search.row.key] = bounded, -value if measure.better == "more" else value
        return {row: 1 + sum(other < key for other in keys.values()) for row, key in keys.items()}

    def order(self, side: Side, network: str, measure: Measure) -> str:
        """The rows by rank, in words: "A before B = C before D"."""
        ranks = self.ranks(side, network, measure)
        by_rank: dict[int, list[str]] = {}
        for search in self.of(network):
            if search.row.key in ranks:
                by_rank.setdefault(ranks[search.row.key], []).append(search.row.label)
        return " before ".join(" = ".join(by_rank[rank]) for rank in sorted(by_rank))


def tuned_table(grid: Grid, budget: TuningBudget, searches: Sequence[Search], journals: Journals) -> TunedTable:
    """Collects the runs of tuned rows twice: at the table's learning rates, and at each row's best."""
    published = find_runs(grid, journals)
    best_runs = replace(find_runs(at_best(grid, searches), journals), targets_of=published)
    return TunedTable(budget, searches, {"published": published, "best": best_runs})


# ---- the names of its files


def name_of(id: str) -> str:
    """Name of the file of a tuned table's rows, and of its picture."""
    return f"tune-{id}"


def order_name(id: str) -> str:
    """Name of the file of its pairs of rows."""
    return f"{name_of(id)}-order"


def runs_name(id: str) -> str:
    """Name of the file that lists a tuning's runs by their ids."""
    return f"{name_of(id)}-runs"
