"""Comparisons of claims: cells of tables, measured or published, and bounds on their difference or quotient.

`quantities` has the rule that decides a comparison. Two kinds count for nothing, whatever the interval: speeds of a row
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
"""The rule in a few sentences, for readers of verdicts."""


class Evidence(Protocol):
    """Evidence for claims: the existing runs and the papers' figures."""

    @property
    def scale(self) -> str:
        """Scale of the runs: smoke, small or paper."""

    @property
    def simulated(self) -> bool:
        """Whether seconds are the virtual clock's, which repeat exactly."""

    def fitted(self, table_id: str, network: str, row_key: str, /) -> bool:
        """Whether the card was fitted to the row's seconds, or to seconds proportional to them; never in real time."""

    def relative_seconds(self, table_id: str, network: str, row_key: str, /) -> Sequence[float]:
        """Returns the row's seconds on each possible card (`fitted.possible`) over those on its own.

        Empty in real time.
        """

    def diverged(self, table_id: str, network: str, row_key: str, /) -> int:
        """Counts the row's runs that diverged."""

    def still_rising(self, table_id: str, network: str, row_key: str, /) -> int:
        """Counts the row's runs whose last accuracy is their best: longer runs might have had a better one."""

    def runs(self, table_id: str, network: str, row_key: str, /) -> Set[str]:
        """Returns the ids of the row's runs, which rows that are one algorithm share; empty if unknown."""

    def value(self, table_id: str, network: str, row_key: str, measure: str, /) -> Summary | None:
        """Returns the measured value of a table's cell; None if nothing was run."""

    def by_seed(self, table_id: str, network: str, row_key: str, measure: str, /) -> Mapping[int, float]:
        """Returns the values behind the mean, by seed; empty if a run has none, or seeds are unknown."""

    def published(self, table_id: str, network: str, row_key: str, measure: str, /) -> Published | None:
        """Returns the value that the paper prints in this cell."""

    def tables(self, id: str, /) -> Sequence[ResultTable]:
        """Returns an analysis's tables, with laws as published values; empty if it was not run."""


class Cell(NamedTuple):
    table: str
    network: str
    row: str
    measure: str


@dataclass(frozen=True)
class Look:
    """One way to read cells: as measured, or as published.

    scale: of the accuracies. shares: whether points of accuracy are read as per cent of the accuracy above chance.
    """

    read: Callable[[Cell], Quantity | None]
    tables: Callable[[str], Sequence[ResultTable]]
    scale: str = "paper"
    shares: bool = False

    def rows(self, table: str, network: str, rows: Iterable[str], measure: str) -> tuple[Quantity, ...]:
        """Returns values of rows on the seeds that all have; empty if one was not run."""
        values = [self.read(Cell(table, network, row, measure)) for row in rows]
        present = [value for value in values if value is not None]
        return on_common_seeds(*present) if len(present) == len(values) else ()

    def above_chance(self, cell: Cell, accuracy: Quantity) -> float:
        """Returns the points by which an accuracy is above chance, at least 0."""
        return max(0.0, accuracy.value - chance_percent(cell.table, cell.network, self.scale))


def chance_percent(table_id: str, network: str, scale: str) -> float:
    """Returns the accuracy of guessing on a table's data at a scale: 10 for ten classes."""
    return 100 / data_card(workload(tables.table(table_id).family, network, scale).dataset).classes


def measured(evidence: Evidence) -> Look:
    def read(cell: Cell) -> Quantity | None:
        measure, place = MEASURES.get(cell.measure), cell[:3]
        value = evidence.value(*cell)
        summary = value or _in_tables(evidence.tables(cell.table), cell)
        if summary is None or not summary.n:
            return None
        exact = evidence.simulated and measure is not None and measure.clock
        quantity = Quantity.of(summary, exact=exact, by_seed=evidence.by_seed(*cell) if value is not None else None)
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
            on_possible_cards=_on_possible_cards(evidence, cell, measure, quantity.value) if measure.clock else (),
            diverged="; ".join(
                f"{count} of {quantity.n} runs of {row} diverged" for row, count in diverged.items() if count
            ),
        )

    return Look(read, evidence.tables, evidence.scale)


def _on_possible_cards(evidence: Evidence, cell: Cell, measure: Measure, value: float) -> tuple[float, ...]:
    """Returns the value on each card that might have been fitted."""
    relative = evidence.relative_seconds(*cell[:3])
    if measure.better == "less":
        return tuple(value * seconds for seconds in relative)
    baseline: Sequence[float] = (1.0,) * len(relative)
    if measure.needs == "baseline":
        baseline = evidence.relative_seconds(cell.table, cell.network, BASELINE.key)
    return tuple(value * base / seconds for base, seconds in zip(baseline, relative, strict=True)) if baseline else ()


def _in_tables(tables: Sequence[ResultTable], cell: Cell) -> Summary | None:
    """Returns the measured value of a cell in an analysis's tables; None if there is none."""
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
    """Outcome of one comparison of a claim. Of a group, only the worst outcome is shown.

    text: what was compared, with its numbers; for a missing one, what was not measured. margin: distance of the value
    to the nearer bound. fitted: whether its status counts for nothing, since it compares seconds that the hardware card
    was fitted to, or (fixed) would come out alike whatever the card was fitted to. why: reason why it is not decided.
    quantity: compared with the bounds low and high, in `unit`; None for a law and if missing. part: number of its
    statement, in a claim of several.
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
        """Judges whether a quantity lies between low and high."""
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
        """Returns a copy judged at another level: not decided if the comparison is open at that level."""
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
    """Judges whether one quantity over another lies between low and high. text: has a placeholder for each of them."""
    quotient = over.over(under) if over is not None and under is not None else None
    if over is None or under is None or quotient is None:
        return missing(group)
    return Outcome.of(group, f"{text.format(over.value, under.value)} (n = {quotient.n})", quotient, low, high)


Points = Callable[[Look], list[Outcome]]
"""Computes the comparisons of a claim from a `Look`, one way to read cells."""


@dataclass(frozen=True)
class Condition:
    """low < a - b < high, or low < a / b < high.

    If points of accuracy are read as shares, the bounds are shares of b's accuracy above chance. unit: of a measure
    whose unit depends on the task, as a loss's does.
    """

    group: str
    a: Cell
    b: Cell
    how: Literal["difference", "quotient"]
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""

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
        unit = self.unit or ({"%": "points"}.get(measure.unit, measure.unit) if measure else "")
        return Outcome.of(self.group, text, quantity, low, high, unit)

    def _text(self, a: Quantity, b: Quantity, quantity: Quantity) -> str:
        """Returns 'table2 resnet18, best accuracy: async_lu 93.7 against async_bu 92.7, +1.00 (n = 3)'."""
        first, second = self.a, self.b
        names = (first.row, second.row) if first.row != second.row else (words(first.measure), words(second.measure))
        topic = words(first.measure) if first.measure == second.measure else first.row
        values = " against ".join(f"{name} {_number(value)}" for name, value in zip(names, (a, b), strict=True))
        result = f"{quantity.value:+.2f}" if self.how == "difference" else f"{quantity.value:.3g}x"
        runs = f" (n = {quantity.n})" if quantity.n is not None else ""
        return f"{first.table} {first.network}, {topic}: {values}, {result}{runs}"


def _number(quantity: Quantity) -> str:
    """Returns '93.7', or '>400' for a lower bound."""
    bound = ">" if quantity.open_above and not quantity.open_below else ""
    return bound + (f"{quantity.value:.0f}" if abs(quantity.value) >= 1000 else f"{quantity.value:.4g}")


def difference(
    table: str, network: str, a: str, b: str, measure: str, low: float = -math.inf, high: float = math.inf,
    *, group: str = "", beside: str = "", unit: str = "",
) -> Condition:  # fmt: skip
    """Requires bounds of row a less row b, of the same table or of the one beside it."""
    cells = Cell(table, network, a, measure), Cell(beside or table, network, b, measure)
    return Condition(group or f"{table} {a} {measure}", *cells, "difference", low, high, unit)


def ratio(
    table: str, network: str, a: str, b: str, measure: str, low: float = 0.0, high: float = math.inf,
    *, group: str = "", beside: str = "",
) -> Condition:  # fmt: skip
    """Requires bounds of row a over row b, of the same table or of the one beside it."""
    return replace(difference(table, network, a, b, measure, low, high, group=group, beside=beside), how="quotient")


def conditions(*conditions: Condition) -> Points:
    return lambda look: [condition.point(look) for condition in conditions]


def best_of(
    places: Iterable[tuple[str, str]], winner: str, rivals: Iterable[str], measure: str, *, lowest: bool = False
) -> Points:
    """Requires that the winner's value is above (lowest: below) each rival's, in every (table, network)."""
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
    """Requires bounds of one row's value over another's, in every (table, network)."""
    return conditions(*(ratio(*place, over, under, measure, low, high, group=" ".join(place)) for place in places))


def together(*statements: Points) -> Points:
    """Joins the comparisons of several statements into those of one claim."""
    return lambda look: [replace(point, part=i) for i, points in enumerate(statements) for point in points(look)]
