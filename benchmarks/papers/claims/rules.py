"""When a comparison counts as decided: evidence, and quantities with their uncertainty.

The rule, the same for every claim. A mean over n >= 2 seeds is uncertain by two standard errors (2 std / sqrt(n));
differences and quotients of means add these in quadrature. A condition holds or fails only if it does so throughout
that range. A single run has no known spread: it decides nothing, except for seconds of the simulated clock, which no
seed changes. A paper's mean without a spread is taken as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from results.measures import MEASURES
from results.published import Published
from results.statistics import Summary
from results.tables import ResultTable

RULE = (
    "A mean over seeds is uncertain by two standard errors; a comparison is decided where it holds, or fails, "
    "throughout that range. One seed decides nothing but seconds of the simulated clock; three seeds are weak evidence."
)
"""In a few words, for those who read verdicts."""

Status = Literal["holds", "does not hold", "not decided"]


class Evidence(Protocol):
    """What claims are judged by: the runs at hand and the papers' figures."""

    @property
    def scale(self) -> str:
        """smoke, small or paper."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether seconds are the virtual clock's, which repeat exactly."""
        ...

    def value(self, table_id: str, network: str, row_key: str, measure: str, /) -> Summary | None:
        """What the runs of a table measured; None where nothing was run. Analyses may be left to `tables`."""
        ...

    def published(self, table_id: str, network: str, row_key: str, measure: str, /) -> Published | None:
        """What the paper prints in that cell."""
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
class Quantity:
    """A value that may lie `below` under and `above` over what it seems to be; n: the fewest runs it rests on."""

    value: float
    below: float
    above: float
    n: int | None = None

    @classmethod
    def of(cls, summary: Summary, *, exact: bool) -> Quantity | None:
        """None if nothing was measured. A censored mean is a lower bound."""
        if summary.mean is None:
            if summary.at_least is None or not math.isfinite(summary.at_least):
                return None
            return cls(summary.at_least, math.inf if summary.n < 2 and not exact else 0.0, math.inf, summary.n)
        if not math.isfinite(summary.mean):
            return None
        if summary.n < 2 or summary.std is None:
            error = 0.0 if exact else math.inf
        else:
            error = 2 * summary.std / math.sqrt(summary.n)
        return cls(summary.mean, error, error, summary.n)

    def minus(self, other: Quantity) -> Quantity:
        below, above = math.hypot(self.below, other.above), math.hypot(self.above, other.below)
        return Quantity(self.value - other.value, below, above, _fewest(self.n, other.n))

    def over(self, other: Quantity) -> Quantity | None:
        """The quotient of two positive quantities; None for others."""
        if self.value <= 0 or other.value <= 0:
            return None
        value = self.value / other.value
        below = value * math.hypot(self.below / self.value, other.above / other.value)
        above = value * math.hypot(self.above / self.value, other.below / other.value)
        return Quantity(value, below, above, _fewest(self.n, other.n))

    def within(self, low: float, high: float) -> Status:
        """Whether it lies strictly between the bounds."""
        least, most = self.value - self.below, self.value + self.above
        if (low == -math.inf or least > low) and (high == math.inf or most < high):
            return "holds"
        return "does not hold" if most <= low or least >= high else "not decided"


def _fewest(a: int | None, b: int | None) -> int | None:
    known = [n for n in (a, b) if n is not None]
    return min(known) if known else None


@dataclass(frozen=True)
class Look:
    """One way to read cells: as measured, or as published."""

    read: Callable[[Cell], Quantity | None]
    tables: Callable[[str], Sequence[ResultTable]]


def measured(evidence: Evidence) -> Look:
    def read(cell: Cell) -> Quantity | None:
        summary = evidence.value(*cell) or _in_tables(evidence.tables(cell.table), cell)
        exact = evidence.simulated and cell.measure in MEASURES and MEASURES[cell.measure].clock
        return Quantity.of(summary, exact=exact) if summary is not None and summary.n > 0 else None

    return Look(read, evidence.tables)


def _in_tables(tables: Sequence[ResultTable], cell: Cell) -> Summary | None:
    """What an analysis measured."""
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
        error = 2 * there.std / math.sqrt(there.n) if there.std is not None and there.n else 0.0
        return Quantity(there.mean, error, error, there.n)

    return Look(read, lambda id: ())
