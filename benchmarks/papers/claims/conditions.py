"""Builds the comparisons of a claim: conditions on cells, and the phrases that most claims use."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.papers.claims.quantities import Outcome, Quantity, on_common_seeds
from benchmarks.papers.claims.rules import Cell, Look, Points
from results.measures import MEASURES, words


@dataclass(frozen=True)
class Condition:
    """low < a - b < high, or low < a / b < high; strictly.

    Bounds in points of accuracy are of b's share above chance where points are read as shares.
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
            cells = [cell for cell, there in ((self.a, a), (self.b, b)) if there is None]
            return Outcome(
                self.group,
                ", ".join(dict.fromkeys(f"{cell.table} {cell.network} {cell.row}" for cell in cells)),
                "missing",
            )
        a, b = on_common_seeds(a, b)
        found = a.minus(b) if self.how == "difference" else a.over(b)
        if found is None:
            return Outcome(self.group, f"{self.a.table} {self.b.row} (not above 0)", "missing")
        text = _compared(self, a, b, found)
        if self.a.measure == self.b.measure and a.shares_runs_with(b):  # two rows of one algorithm: no chance in it
            text, found = f"{text}, the same runs", found.certain()
        of = MEASURES.get(self.a.measure)
        unit = {"%": "points"}.get(of.unit, of.unit) if of else ""
        share = look.above_chance(self.b, b) / 100 if look.shares and of and of.points and self._margin else 1.0
        low, high = (share * bound if math.isfinite(bound) else bound for bound in (self.low, self.high))
        return Outcome.of(self.group, text, found, low, high, unit=unit)

    @property
    def _margin(self) -> bool:
        return self.how == "difference" and any(bound and math.isfinite(bound) for bound in (self.low, self.high))


def _compared(condition: Condition, a: Quantity, b: Quantity, found: Quantity) -> str:
    """'table2 resnet18, best accuracy percent: async_lu 93.7 against async_bu 92.7, +1.00 (n = 3)'."""
    one, other = condition.a, condition.b
    names = (one.row, other.row) if one.row != other.row else (words(one.measure), words(other.measure))
    of_what = f", {words(one.measure)}" if one.measure == other.measure else f", {one.row}"
    values = " against ".join(f"{name} {_number(its)}" for name, its in zip(names, (a, b), strict=True))
    what = f"{found.value:+.2f}" if condition.how == "difference" else f"{found.value:.3g}x"
    runs = f" (n = {found.n})" if found.n is not None else ""
    return f"{one.table} {one.network}{of_what}: {values}, {what}{runs}"


def _number(of: Quantity) -> str:
    """'>400' for a lower bound."""
    bound = ">" if of.open_above and not of.open_below else ""
    return bound + (f"{of.value:.0f}" if abs(of.value) >= 1000 else f"{of.value:.4g}")


def conditions(*those: Condition) -> Points:
    return lambda look: [condition.point(look) for condition in those]


def best_of(
    places: Iterable[tuple[str, str]], winner: str, rivals: Iterable[str], measure: str, *, lowest: bool = False
) -> Points:
    """The winner's value is above (below) each rival's, in every (table, network)."""
    rivals = tuple(rivals)
    low, high = (-math.inf, 0.0) if lowest else (0.0, math.inf)
    return conditions(
        *(
            Condition(f"{t} {n}", Cell(t, n, winner, measure), Cell(t, n, rival, measure), "difference", low, high)
            for t, n in places
            for rival in rivals
        )
    )


def quotient(
    places: Iterable[tuple[str, str]], over: str, under: str, measure: str, *, low: float = 0.0, high: float = math.inf
) -> Points:
    """over's value divided by under's, in every (table, network)."""
    return conditions(
        *(
            Condition(f"{t} {n}", Cell(t, n, over, measure), Cell(t, n, under, measure), "quotient", low, high)
            for t, n in places
        )
    )


def together(*statements: Points) -> Points:
    """All of them, of a claim that joins several statements."""
    return lambda look: [replace(point, part=i) for i, one in enumerate(statements) for point in one(look)]
