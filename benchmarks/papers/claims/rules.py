"""The comparisons of claims: cells of tables, as measured and as published, and bounds on their difference or quotient.

How a comparison is decided stands in `quantities`. Two things count for nothing, whatever the interval: speeds of a row
of which a run diverged, and seconds that the hardware card was fitted to (`benchmarks.papers.fitted`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

from benchmarks.papers.claims.quantities import Quantity, on_common_seeds
from benchmarks.tables import registry as tables
from benchmarks.tables.shared import BASELINE
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.workload import workload
from results.measures import MEASURES, Measure, words
from results.published import Published
from results.statistics import Summary
from results.tables import ResultTable

RULE = (
    "A comparison is decided if it holds, or fails, throughout its 95 % interval: Student's t, seed by seed over the "
    "seeds that all its rows have, where two or more have; of quotients by logarithms. Several comparisons, any of "
    "which would decide a claim by itself, share the 5 %. One seed decides nothing but simulated seconds; three seeds "
    "are weak evidence. A row with a diverged run decides no comparison of speed; a run that ended with its best "
    "accuracy gives a lower bound of the time to it. A comparison of seconds counts for nothing if the hardware card "
    "was fitted to them, or if it comes out alike with each fitted number halved and doubled: a claim, or one of its "
    "statements, that only such comparisons could decide is not decided (fitted). Points of accuracy are read twice, "
    "as points and as per cent of what the accuracy has above chance: a claim that does not come out alike is not "
    "decided."
)
"""The rule in a few words, for readers of verdicts."""


class Evidence(Protocol):
    """Evidence for claims: the existing runs and the papers' figures."""

    @property
    def scale(self) -> str:
        """smoke, small or paper."""

    @property
    def simulated(self) -> bool:
        """Whether seconds are the virtual clock's, which repeat exactly."""

    def fitted(self, table_id: str, network: str, row_key: str, /) -> bool:
        """Whether the card was fitted to the row's seconds, or to seconds in proportion to them; never in real time."""

    def relative_seconds(self, table_id: str, network: str, row_key: str, /) -> Sequence[float]:
        """The row's seconds on each card that might have been fitted over those on its own; empty in real time."""

    def diverged(self, table_id: str, network: str, row_key: str, /) -> int:
        """Number of the row's runs that diverged."""

    def still_rising(self, table_id: str, network: str, row_key: str, /) -> int:
        """Number of the row's runs whose last accuracy was their best: longer, they might have had a better one."""

    def runs(self, table_id: str, network: str, row_key: str, /) -> Set[str]:
        """Ids of the row's runs: rows that are one algorithm share them. Empty where they are unknown."""

    def value(self, table_id: str, network: str, row_key: str, measure: str, /) -> Summary | None:
        """Measured value of a table's cell; None where nothing was run."""

    def by_seed(self, table_id: str, network: str, row_key: str, measure: str, /) -> Mapping[int, float]:
        """Values behind the mean, by seed; empty where a run has none, or seeds are unknown."""

    def published(self, table_id: str, network: str, row_key: str, measure: str, /) -> Published | None:
        """Value that the paper prints in that cell."""

    def tables(self, id: str, /) -> Sequence[ResultTable]:
        """An analysis's tables, with laws as published values; empty where it was not run."""


class Cell(NamedTuple):
    table: str
    network: str
    row: str
    measure: str


@dataclass(frozen=True)
class Look:
    """One way to read cells: as measured, or as published.

    scale: of the accuracies. shares: points of accuracy are read as per cent of what an accuracy has above chance.
    """

    read: Callable[[Cell], Quantity | None]
    tables: Callable[[str], Sequence[ResultTable]]
    scale: str = "paper"
    shares: bool = False

    def rows(self, table: str, network: str, rows: Iterable[str], measure: str) -> tuple[Quantity, ...]:
        """Values of rows on the seeds that all have; empty where one was not run."""
        values = [self.read(Cell(table, network, row, measure)) for row in rows]
        present = [value for value in values if value is not None]
        return on_common_seeds(*present) if len(present) == len(values) else ()

    def above_chance(self, cell: Cell, accuracy: Quantity) -> float:
        """Points that an accuracy has above chance, at least 0."""
        return max(0.0, accuracy.value - chance_percent(cell.table, cell.network, self.scale))


def chance_percent(table_id: str, network: str, scale: str) -> float:
    """The accuracy of guessing on a table's data at a scale: 10 where there are ten classes."""
    return 100 / data_card(workload(tables.table(table_id).family, network, scale).dataset).classes


def measured(evidence: Evidence) -> Look:
    def read(cell: Cell) -> Quantity | None:
        measure, place = MEASURES.get(cell.measure), cell[:3]
        own = evidence.value(*cell)
        summary = own or _in_tables(evidence.tables(cell.table), cell)
        if summary is None or not summary.n:
            return None
        exact = evidence.simulated and measure is not None and measure.clock
        quantity = Quantity.of(summary, exact=exact, by_seed=evidence.by_seed(*cell) if own is not None else None)
        if quantity is None:
            return None
        quantity = replace(quantity, runs=evidence.runs(*place))
        if measure is None or not measure.speed:
            return quantity
        rows = (cell.row, BASELINE.key) if measure.needs == "baseline" else (cell.row,)
        diverged = {row: evidence.diverged(cell.table, cell.network, row) for row in rows}
        return replace(
            quantity,
            open_above=quantity.open_above or (measure.event == "best" and evidence.still_rising(*place) > 0),
            fitted=measure.timed and evidence.fitted(*place),
            elsewhere=_elsewhere(evidence, cell, measure, quantity.value) if measure.clock else (),
            diverged="; ".join(
                f"{count} of {quantity.n} runs of {row} diverged" for row, count in diverged.items() if count
            ),
        )

    return Look(read, evidence.tables, evidence.scale)


def _elsewhere(evidence: Evidence, cell: Cell, measure: Measure, value: float) -> tuple[float, ...]:
    """The value on each card that might have been fitted."""
    own = evidence.relative_seconds(*cell[:3])
    if measure.better == "less":
        return tuple(value * seconds for seconds in own)
    baseline: Sequence[float] = (1.0,) * len(own)
    if measure.needs == "baseline":
        baseline = evidence.relative_seconds(cell.table, cell.network, BASELINE.key)
    return tuple(value * base / seconds for base, seconds in zip(baseline, own, strict=True)) if baseline else ()


def _in_tables(tables: Sequence[ResultTable], cell: Cell) -> Summary | None:
    """Measured value of a cell in an analysis's tables; None where there is none."""
    for table in tables:
        for row in table.rows:
            if (row.network, row.row) == (cell.network, cell.row):
                for measure, result in zip(table.measures, row.cells, strict=True):
                    if measure.key == cell.measure:
                        return result.measured
    return None


def as_published(evidence: Evidence) -> Look:
    def read(cell: Cell) -> Quantity | None:
        value = evidence.published(*cell)
        if value is None:
            return None
        if value.std is None or value.n is None:
            return Quantity(value.mean, n=value.n)
        return Quantity.of(Summary(value.mean, value.std, value.n), exact=False)

    return Look(read, lambda id: ())


# ---- comparisons


@dataclass(frozen=True)
class Outcome:
    """The outcome of one comparison of a claim. Of a group, only the worst outcome is shown.

    text: what was compared, with its numbers; what was not measured, where it is missing. margin: distance of the value
    to the nearer bound. fitted: it compares seconds that the hardware card was fitted to, or (fixed) that would compare
    alike whatever it was fitted to; so its status counts for nothing. why: it is not decided. quantity: what is held
    against the bounds low and high, in `unit`; None of a law and where it is missing. part: the number of the statement
    that it belongs to, in a claim of several.
    """

    group: str
    text: str
    status: Literal["holds", "does not hold", "not decided", "missing"]
    margin: float = 0.0
    n: int | None = None
    fitted: bool = False
    fixed: bool = False
    why: str = ""
    quantity: Quantity | None = None
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    part: int = 0

    @classmethod
    def of(cls, group: str, text: str, quantity: Quantity, low: float, high: float, unit: str = "points") -> Outcome:
        """Whether a quantity lies between low and high."""
        fixed = not quantity.fitted and quantity.cannot_move(low, high)
        remark = "fitted" if quantity.fitted else "so on every card" if fixed else ""
        status = quantity.within(low, high)
        return cls(
            group,
            "; ".join(filter(None, (text, quantity.diverged, remark))),
            status,
            min(quantity.value - low, high - quantity.value),
            quantity.n,
            quantity.fitted or fixed,
            fixed,
            _why_open(quantity) if status == "not decided" else "",
            quantity,
            low,
            high,
            "×" if quantity.quotient else unit,
        )

    def at(self, level: float) -> Outcome:
        """A copy judged at another level: not decided where the comparison is open at it."""
        if self.quantity is None or self.quantity.within(self.low, self.high, level) == self.status:
            return self
        why = f"one of several comparisons, it is open at {100 * level:.3g} %"
        return replace(self, status="not decided", why=why)


def _why_open(quantity: Quantity) -> str:
    if quantity.diverged:
        return quantity.diverged
    return "a single seed shows no spread" if quantity.n == 1 else "the rest is open at 95 %"


def missing(group: str, text: str = "") -> Outcome:
    return Outcome(group, text or group, "missing")


def compared(group: str, text: str, over: Quantity | None, under: Quantity | None, low: float, high: float) -> Outcome:
    """Whether one quantity over another lies between low and high. text: with a place for each of the two."""
    quotient = over.over(under) if over is not None and under is not None else None
    if over is None or under is None or quotient is None:
        return missing(group)
    return Outcome.of(group, f"{text.format(over.value, under.value)} (n = {quotient.n})", quotient, low, high)


Points = Callable[[Look], list[Outcome]]
"""The comparisons of a claim, by one way to read cells."""


@dataclass(frozen=True)
class Condition:
    """low < a - b < high, or low < a / b < high.

    Where points of accuracy are read as shares, the bounds are of b's share above chance.
    """

    group: str
    a: Cell
    b: Cell
    how: Literal["difference", "quotient"]
    low: float = -math.inf
    high: float = math.inf

    def point(self, look: Look) -> Outcome:
        a, b = look.read(self.a), look.read(self.b)
        if a is None or b is None:
            cells = [cell for cell, value in ((self.a, a), (self.b, b)) if value is None]
            return missing(self.group, ", ".join(dict.fromkeys(" ".join(cell[:3]) for cell in cells)))
        a, b = on_common_seeds(a, b)
        quantity = a.minus(b) if self.how == "difference" else a.over(b)
        if quantity is None:
            return missing(self.group, f"{self.a.table} {self.b.row} (not above 0)")
        text = self._text(a, b, quantity)
        if self.a.measure == self.b.measure and a.shares_runs_with(b):  # two rows of one algorithm
            text, quantity = f"{text}, the same runs", quantity.certain()
        low, high, measure = self.low, self.high, MEASURES.get(self.a.measure)
        has_margin = self.how == "difference" and any(bound and math.isfinite(bound) for bound in (low, high))
        if look.shares and has_margin and measure and measure.points:
            share = look.above_chance(self.b, b) / 100
            low, high = (share * bound if math.isfinite(bound) else bound for bound in (low, high))
        unit = {"%": "points"}.get(measure.unit, measure.unit) if measure else ""
        return Outcome.of(self.group, text, quantity, low, high, unit)

    def _text(self, a: Quantity, b: Quantity, quantity: Quantity) -> str:
        """'table2 resnet18, best accuracy percent: async_lu 93.7 against async_bu 92.7, +1.00 (n = 3)'."""
        one, other = self.a, self.b
        names = (one.row, other.row) if one.row != other.row else (words(one.measure), words(other.measure))
        topic = words(one.measure) if one.measure == other.measure else one.row
        values = " against ".join(f"{name} {_number(value)}" for name, value in zip(names, (a, b), strict=True))
        result = f"{quantity.value:+.2f}" if self.how == "difference" else f"{quantity.value:.3g}x"
        runs = f" (n = {quantity.n})" if quantity.n is not None else ""
        return f"{one.table} {one.network}, {topic}: {values}, {result}{runs}"


def _number(quantity: Quantity) -> str:
    """'93.7', '>400' for a lower bound."""
    bound = ">" if quantity.open_above and not quantity.open_below else ""
    return bound + (f"{quantity.value:.0f}" if abs(quantity.value) >= 1000 else f"{quantity.value:.4g}")


def difference(
    table: str, network: str, a: str, b: str, measure: str, low: float = -math.inf, high: float = math.inf,
    *, group: str = "", beside: str = "",
) -> Condition:  # fmt: skip
    """Row a less row b, of the same table or of the one beside it."""
    cells = Cell(table, network, a, measure), Cell(beside or table, network, b, measure)
    return Condition(group or f"{table} {a} {measure}", *cells, "difference", low, high)


def ratio(
    table: str, network: str, a: str, b: str, measure: str, low: float = 0.0, high: float = math.inf,
    *, group: str = "", beside: str = "",
) -> Condition:  # fmt: skip
    """Row a over row b, of the same table or of the one beside it."""
    return replace(difference(table, network, a, b, measure, low, high, group=group, beside=beside), how="quotient")


def conditions(*conditions: Condition) -> Points:
    return lambda look: [condition.point(look) for condition in conditions]


def best_of(
    places: Iterable[tuple[str, str]], winner: str, rivals: Iterable[str], measure: str, *, lowest: bool = False
) -> Points:
    """The winner's value is above (lowest: below) each rival's, in every (table, network)."""
    low, high = (-math.inf, 0.0) if lowest else (0.0, math.inf)
    rivals = tuple(rivals)
    return conditions(
        *(
            difference(*place, winner, rival, measure, low, high, group=" ".join(place))
            for place in places
            for rival in rivals
        )
    )


def quotient(
    places: Iterable[tuple[str, str]], over: str, under: str, measure: str, *, low: float = 0.0, high: float = math.inf
) -> Points:
    """One row's value over another's, in every (table, network)."""
    return conditions(*(ratio(*place, over, under, measure, low, high, group=" ".join(place)) for place in places))


def together(*statements: Points) -> Points:
    """All comparisons of a claim that joins several statements."""
    return lambda look: [replace(point, part=i) for i, points in enumerate(statements) for point in points(look)]
