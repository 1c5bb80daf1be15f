"""A table's rows as published and each at its best: values, intervals, ranks, and what each search has cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.runner.grid import GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.tuning.search import VALIDATION, Trial, TuningBudget, best
from benchmarks.runner.tuning.trials import validation_samples
from benchmarks.tables.definition import Row
from benchmarks.views.table_runs import BITS, TableRuns
from results.measures import MEASURES, Measure, best_measure, named
from results.records import Record
from results.statistics import Summary, extent
from results.statistics.budgets import BUDGETS
from results.statistics.intervals import Interval, mean_interval

FOLDER = "tuning"
"""Below --out: these tables are of no paper, so that no reproduction keeps them and no claim reads them."""
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


@dataclass(frozen=True)
class Spent:
    """Cost of a search: its trials, and the epochs, samples and seconds (of the executor's clock) of their runs."""

    trials: int = 0
    epochs: float = 0
    samples: int = 0
    seconds: float = 0.0


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
    def held_out(self) -> str:
        """Validation samples of the trials, in words: "1,000"; "" where the test split chose."""
        if self.budget.select != VALIDATION:
            return ""
        counts = sorted({validation_samples(one.cell) for one in self.searches})
        return " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))

    @property
    def judged(self) -> Measure:
        """The measure that rows are tuned for, and ranked by first."""
        return best_measure(self.published.judge)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measure that rows are tuned for, then the table's own."""
        own = [MEASURES[key] for key in self.published.table.measures if key != self.judged.key]
        return (self.judged, *(named(one, self.published.judge) if one.needs in BUDGETS else one for one in own))

    @property
    def ranked(self) -> tuple[Measure, ...]:
        """Measures that rows are ranked by: the judged one, and the first of the table's that has a better side.

        Where rows are of unlike tokens bits per byte alone.
        """
        if self.published.grid.unlike_tokens:
            return (BITS,)
        others = [measure for measure in self.measures[1:] if measure.better]
        return (self.judged, *others[:1])

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.network for one in self.searches))

    def of(self, network: str) -> list[Search]:
        return [one for one in self.searches if one.network == network]

    def records(self, side: Side, network: str, row: Row) -> list[Record]:
        return self.sides[side].complete(network, row.key)

    def interval(self, side: Side, network: str, row: Row) -> Interval | None:
        """Interval of the mean of what rows are tuned for; None for fewer than two runs."""
        values = [self.judged.of(record) for record in self.records(side, network, row)]
        known = [value for value in values if value is not None]
        found = mean_interval(known) if len(known) == len(values) else None
        return self.judged.possible(found) if found is not None else None

    def ranks(self, side: Side, network: str, measure: Measure) -> dict[str, int]:
        """Rank of each row; equal means share one. A mean that not all runs have comes last, by its lower bound."""
        keys = {}
        for one in self.of(network):
            summary, _ = self.sides[side].value(network, one.row.key, measure)
            if summary is not None and (key := _rank_key(summary, measure)) is not None:
                keys[one.row.key] = key
        return {row: 1 + sum(other < key for other in keys.values()) for row, key in keys.items()}

    def order(self, side: Side, network: str, measure: Measure) -> str:
        """The rows by rank, in words: "A before B = C before D"."""
        ranks, labels = self.ranks(side, network, measure), {one.row.key: one.row.label for one in self.of(network)}
        by_rank: dict[int, list[str]] = {}
        for row, rank in sorted(ranks.items(), key=lambda item: item[1]):
            by_rank.setdefault(rank, []).append(labels[row])
        return " before ".join(" = ".join(names) for names in by_rank.values())


def spent(search: Search) -> Spent:
    runs = [(record, extent(record)) for record in search.records]
    return Spent(
        trials=len(search.trials),
        epochs=sum(last.epochs for _, last in runs if last is not None),
        samples=sum(_samples(record) for record, _ in runs),
        seconds=sum(last.seconds for _, last in runs if last is not None),
    )


def every_record(tuned: TunedTable) -> Iterator[tuple[Search, Record]]:
    """The runs of each search, then those of the published rates and of its best, each once."""
    for one in tuned.searches:
        final = [record for side in SIDES for record in tuned.records(side, one.network, one.row)]
        for record in {record.id: record for record in (*one.records, *final)}.values():
            yield one, record


def _samples(record: Record) -> int:
    batch = int(str(record.spec.workload.document()["batch"]))
    return record.evaluations[-1].step * batch if record.evaluations else 0


def _rank_key(summary: Summary, measure: Measure) -> tuple[bool, float] | None:
    value = summary.mean if summary.mean is not None else summary.at_least
    if value is None:
        return None
    return summary.mean is None, -value if measure.better == "more" else value


# ---- the names of its files


def name_of(id: str) -> str:
    """Name of the file of a tuned table's rows, and of its picture."""
    return f"tune-{id}"


def order_name(id: str) -> str:
    """Name of the file of its pairs of rows."""
    return f"{name_of(id)}-order"


def runs_name(id: str) -> str:
    """Name of the file that lists a tuning's runs, a row each, by their ids."""
    return f"{name_of(id)}-runs"
