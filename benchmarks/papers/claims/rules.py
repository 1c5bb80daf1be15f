"""Evidence that claims are judged by, and the cells of tables as quantities, measured and published.

How a comparison is decided stands in `quantities`. Whatever the interval, a row of which a run diverged decides no
comparison of speed, and no comparison of seconds to which the hardware card in use was fitted
(`benchmarks.papers.fitted`) decides a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from benchmarks.papers.claims.quantities import Outcome, Quantity, of_mean
from benchmarks.tables import registry as tables
from benchmarks.tables.shared import BASELINE
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.workload import workload
from results.measures import MEASURES, Measure
from results.published import Published
from results.statistics import Summary
from results.tables import ResultTable

RULE = (
    "A comparison is decided where it holds, or fails, throughout its 95 % interval (Student's t, seed by seed over "
    "the seeds that all its rows have, where two or more have; of quotients by logarithms); of several of which any "
    "would decide a claim by itself, each has a share of the 5 %. One seed decides nothing but seconds of the "
    "simulated clock; three seeds are weak evidence. A row of which a run diverged decides no comparison of speed; a "
    "run that ended with its best accuracy has a lower bound of the time to it. A comparison of seconds to which the "
    "hardware card was fitted, or that comes out alike with each fitted number halved and doubled, counts for nothing: "
    "a claim that only such comparisons could decide, or one of the statements that it joins, is not decided (fitted). "
    "Points of accuracy are read twice, as points and as per cent of what the accuracy has above chance: a claim that "
    "does not come out alike is not decided."
)
"""In a few words, for those who read verdicts."""


class Evidence(Protocol):
    """Evidence that claims are judged by: the runs at hand and the papers' figures."""

    @property
    def scale(self) -> str:
        """smoke, small or paper."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether seconds are the virtual clock's, which repeat exactly."""
        ...

    def fitted(self, table_id: str, network: str, row_key: str, /) -> bool:
        """Whether the hardware card that charged the row's runs was fitted to their seconds, or to seconds in one
        proportion to these; never in real time."""
        ...

    def relative_seconds(self, table_id: str, network: str, row_key: str, /) -> Sequence[float]:
        """The row's seconds on each card that might have been fitted over those on its own; empty of real time."""
        ...

    def diverged(self, table_id: str, network: str, row_key: str, /) -> int:
        """Number of the row's runs that diverged."""
        ...

    def still_rising(self, table_id: str, network: str, row_key: str, /) -> int:
        """Number of the row's runs whose last accuracy was their best: longer, they might have had a better one."""
        ...

    def runs(self, table_id: str, network: str, row_key: str, /) -> Set[str]:
        """The identities of the row's runs, as far as they are known: rows that are one algorithm share them."""
        ...

    def value(self, table_id: str, network: str, row_key: str, measure: str, /) -> Summary | None:
        """Measured value of a cell; None where nothing was run. Analyses may be left to `tables`."""
        ...

    def by_seed(self, table_id: str, network: str, row_key: str, measure: str, /) -> Mapping[int, float]:
        """Values behind the mean, by seed; empty where not every run has one, or seeds are not known."""
        ...

    def published(self, table_id: str, network: str, row_key: str, measure: str, /) -> Published | None:
        """Value that the paper prints in that cell."""
        ...

    def tables(self, id: str, /) -> Sequence[ResultTable]:
        """An analysis's tables, with laws as published values; empty where it was not run."""
        ...


class Cell(NamedTuple):
    table: str
    network: str
    row: str
    measure: str


@dataclass(frozen=True)
class Look:
    """One way to read cells: as measured, or as published.

    scale: of the accuracies. shares: points of accuracy are taken as per cent of what an accuracy has above chance.
    """

    read: Callable[[Cell], Quantity | None]
    tables: Callable[[str], Sequence[ResultTable]]
    scale: str = "paper"
    shares: bool = False

    def above_chance(self, cell: Cell, accuracy: Quantity) -> float:
        """Points that an accuracy has above chance; 0 where it has none."""
        return max(0.0, accuracy.value - chance_percent(cell.table, cell.network, self.scale))


Points = Callable[[Look], list[Outcome]]
"""The comparisons of a claim, as somebody looks at them."""


def chance_percent(table_id: str, network: str, scale: str) -> float:
    """The accuracy of guessing on a table's data at a scale: 10 where there are ten classes."""
    return 100 / data_card(workload(tables.table(table_id).family, network, scale).dataset).classes


def measured(evidence: Evidence) -> Look:
    def read(cell: Cell) -> Quantity | None:
        own = evidence.value(*cell)
        summary = own or _in_tables(evidence.tables(cell.table), cell)
        measure = MEASURES.get(cell.measure)
        exact = evidence.simulated and measure is not None and measure.clock
        by_seed = evidence.by_seed(*cell) if own is not None else {}
        quantity = Quantity.of(summary, exact=exact, by_seed=by_seed) if summary is not None and summary.n > 0 else None
        if quantity is not None:
            quantity = replace(quantity, runs=evidence.runs(*cell[:3]))
        if quantity is None or measure is None or not measure.speed:
            return quantity
        if measure.event == "best" and evidence.still_rising(*cell[:3]):
            quantity = replace(quantity, open_above=True)
        rows = (cell.row, BASELINE.key) if measure.needs == "baseline" else (cell.row,)
        gone = {row: evidence.diverged(cell.table, cell.network, row) for row in rows}
        return replace(
            quantity,
            fitted=measure.timed and evidence.fitted(*cell[:3]),
            elsewhere=_elsewhere(evidence, cell, measure, quantity.value) if measure.clock else (),
            diverged="; ".join(
                f"{count} of {quantity.n} runs of {row} diverged" for row, count in gone.items() if count
            ),
        )

    return Look(read, evidence.tables, evidence.scale)


def _elsewhere(evidence: Evidence, cell: Cell, measure: Measure, value: float) -> tuple[float, ...]:
    """The value of the clock alone on each card that might have been fitted."""
    own = evidence.relative_seconds(*cell[:3])
    if measure.better == "less":
        return tuple(value * seconds for seconds in own)
    of_baseline = measure.needs == "baseline"
    over = evidence.relative_seconds(cell.table, cell.network, BASELINE.key) if of_baseline else (1.0,) * len(own)
    return tuple(value * base / seconds for base, seconds in zip(over, own, strict=True)) if over else ()


def _in_tables(tables: Sequence[ResultTable], cell: Cell) -> Summary | None:
    """Measured value of a cell in an analysis's tables; None where there is none."""
    for table in tables:
        for row in table.rows:
            if (row.network, row.row) == (cell.network, cell.row):
                keys = [measure.key for measure in table.measures]
                if cell.measure in keys:
                    return row.cells[keys.index(cell.measure)].measured
    return None


def as_published(evidence: Evidence) -> Look:
    def read(cell: Cell) -> Quantity | None:
        there = evidence.published(*cell)
        if there is None:
            return None
        if there.std is None or there.n is None:
            return Quantity(there.mean, n=there.n)
        return of_mean(there.mean, there.std, there.n, exact=False)

    return Look(read, lambda id: ())
