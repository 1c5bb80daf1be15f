"""When a comparison counts as decided: evidence, and quantities with their uncertainty.

The rule, the same for every claim. A comparison of means over n >= 2 seeds holds or fails only if it does so throughout
its 95 % interval: Student's t with Welch's degrees of freedom, taken cautiously (`cautious_freedom`); a quotient's is
the interval of its logarithm. Of a comparison of equals at most 5 % are decided then (docs/statistics.md). A mean that
not all runs have is known by a lower bound, with a sampling error of its own (`bound_variance`). A single run, or two
that are equal, show no spread and decide nothing, except for seconds of the simulated clock, which no seed changes. A
paper's mean without a spread is taken as it stands.

Whatever the interval, a row of which a run diverged decides no comparison of speed, and no comparison of seconds to
which the hardware card in use was fitted (`benchmarks.papers.fitted`) decides a claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

from benchmarks.tables.shared import BASELINE
from results.measures import MEASURES
from results.published import Published
from results.statistics import Summary
from results.statistics.intervals import (
    Interval,
    Spread,
    bound_variance,
    cautious_freedom,
    log_interval,
    t_interval,
)
from results.tables import ResultTable

LEVEL = 0.95
RULE = (
    "A comparison is decided where it holds, or fails, throughout its 95 % interval (Student's t; of quotients by "
    "logarithms). One seed decides nothing but seconds of the simulated clock; three seeds are weak evidence. A row of "
    "which a run diverged decides no comparison of speed. A comparison of seconds to which the hardware card was "
    "fitted counts for nothing: a claim that only such comparisons could decide is not decided (fitted)."
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

    def fitted(self, table_id: str, network: str, row_key: str, /) -> bool:
        """Whether the hardware card that charged the row's runs was fitted to their seconds; never in real time."""
        ...

    def diverged(self, table_id: str, network: str, row_key: str, /) -> int:
        """How many of the row's runs diverged."""
        ...

    def runs(self, table_id: str, network: str, row_key: str, /) -> Set[str]:
        """The identities of the row's runs, as far as they are known: rows that are one algorithm share them."""
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
    """A value with its uncertainty, by default none.

    variances: the squared standard errors of the means that it is computed of, in its own unit squared; freedom: the
    least degrees of freedom of any of them. n: the fewest runs it rests on. open_below, open_above: it may lie
    anywhere under, or over, that. quotient: its interval is that of its logarithm. fitted: it rests on seconds that
    the hardware card was fitted to. diverged: the runs that fell apart, in words. runs: a row's, by their identities.
    """

    value: float
    variances: tuple[float, ...] = ()
    freedom: float = math.inf
    n: int | None = None
    open_below: bool = False
    open_above: bool = False
    quotient: bool = False
    fitted: bool = False
    diverged: str = ""
    runs: Set[str] = frozenset()

    @classmethod
    def of(cls, summary: Summary, *, exact: bool) -> Quantity | None:
        """None if nothing was measured. A censored mean is a lower bound."""
        bounded = summary.mean is None
        value, std = (summary.at_least, summary.at_least_std) if bounded else (summary.mean, summary.std)
        if value is None or not math.isfinite(value):
            return None
        known = _of_mean(value, std if std is not None or not bounded else 0.0, summary.n, exact=exact)
        if not bounded or known.open_above:
            return known
        variance = bound_variance(value, known.variances[0], summary.n, LEVEL) if known.variances else 0.0
        return replace(known, variances=(variance,), open_above=True)

    def shares_runs_with(self, other: Quantity) -> bool:
        """Whether both are values of the very same runs."""
        return bool(self.runs) and self.runs == other.runs

    def certain(self) -> Quantity:
        """The same without an uncertainty."""
        return replace(self, variances=(), freedom=math.inf, open_below=False, open_above=False)

    def minus(self, other: Quantity) -> Quantity:
        return self._with(other, self.value - other.value, (*self.variances, *other.variances))

    def over(self, other: Quantity) -> Quantity | None:
        """The quotient of two positive quantities; None for others."""
        if self.value <= 0 or other.value <= 0:
            return None
        value = self.value / other.value
        parts = [(v, of.value) for of in (self, other) for v in of.variances]
        made = self._with(other, value, tuple(v * (value / mean) ** 2 for v, mean in parts))
        return replace(made, quotient=True)

    def times(self, factor: float) -> Quantity:
        """A positive multiple."""
        return replace(self, value=factor * self.value, variances=tuple(factor**2 * v for v in self.variances))

    def _with(self, other: Quantity, value: float, variances: tuple[float, ...]) -> Quantity:
        known = [n for n in (self.n, other.n) if n is not None]
        return Quantity(
            value,
            variances,
            min(self.freedom, other.freedom),
            min(known) if known else None,
            open_below=self.open_below or other.open_above,
            open_above=self.open_above or other.open_below,
            fitted=self.fitted or other.fitted,
            diverged="; ".join(dict.fromkeys(filter(None, (self.diverged, other.diverged)))),
        )

    @property
    def interval(self) -> Interval:
        """Where it lies at LEVEL, but for what is open."""
        spread = Spread(self.value, math.fsum(self.variances), cautious_freedom(self.variances, self.freedom))
        return log_interval(spread, LEVEL) if self.quotient else t_interval(spread, LEVEL)

    def within(self, low: float, high: float) -> Status:
        """Whether it lies strictly between the bounds; never decided where a run diverged."""
        if self.diverged:
            return "not decided"
        known = self.interval
        least = -math.inf if self.open_below else known.low
        most = math.inf if self.open_above else known.high
        if (low == -math.inf or least > low) and (high == math.inf or most < high):
            return "holds"
        return "does not hold" if most <= low or least >= high else "not decided"


def _of_mean(value: float, std: float | None, n: int, *, exact: bool) -> Quantity:
    """exact: no seed changes it. Else one run shows no spread, nor do two that are equal by chance."""
    if exact and not std:
        return Quantity(value, n=n)
    if std is None or n < 2 or (n == 2 and std == 0):
        return Quantity(value, n=n, open_below=True, open_above=True)
    return Quantity(value, (std**2 / n,), n - 1.0, n)


@dataclass(frozen=True)
class Look:
    """One way to read cells: as measured, or as published."""

    read: Callable[[Cell], Quantity | None]
    tables: Callable[[str], Sequence[ResultTable]]


def measured(evidence: Evidence) -> Look:
    def read(cell: Cell) -> Quantity | None:
        summary = evidence.value(*cell) or _in_tables(evidence.tables(cell.table), cell)
        known = MEASURES.get(cell.measure)
        exact = evidence.simulated and known is not None and known.clock
        found = Quantity.of(summary, exact=exact) if summary is not None and summary.n > 0 else None
        if found is not None:
            found = replace(found, runs=evidence.runs(*cell[:3]))
        if found is None or known is None or not known.speed:
            return found
        rows = (cell.row, BASELINE.key) if known.needs == "baseline" else (cell.row,)
        gone = {row: evidence.diverged(cell.table, cell.network, row) for row in rows}
        return replace(
            found,
            fitted=known.timed and evidence.fitted(*cell[:3]),
            diverged="; ".join(f"{count} of {found.n} runs of {row} diverged" for row, count in gone.items() if count),
        )

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
        if there.std is None or there.n is None:
            return Quantity(there.mean, n=there.n)
        return _of_mean(there.mean, there.std, there.n, exact=False)

    return Look(read, lambda id: ())
