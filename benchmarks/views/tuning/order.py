"""Whether tuning changes the order of a table's rows, pair by pair, by the rule that claims are judged by.

A pair is decided, at the published rates or with each at its best, if the interval of its difference (of accuracies,
losses) or quotient (of times, epochs) leaves out 0 or 1, seed by seed (benchmarks.papers.claims.quantities). Of m pairs
of a network, by one measure and at one side's rates, each interval has the level 1 - 5 %/m (Bonferroni), since either
outcome of any of them would be reported. The 95 % interval that is shown is of the pair by itself.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.papers.claims.quantities import Quantity, on_common_seeds
from benchmarks.tables.definition import Row
from benchmarks.views.tuning.tuned import SIDES, Side, TunedTable
from results.measures import Measure
from results.statistics.intervals import LEVEL

KINDS = ("turned round", "no longer decided", "decided by tuning", "as before", "not decided")
"""Outcomes of tuning for a pair, the gravest first."""


@dataclass(frozen=True)
class Contrast:
    """The first row less the second, or over it. first_is_better: None where it is not decided at the level."""

    quantity: Quantity
    first_is_better: bool | None
    level: float = LEVEL

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the pair's own 95 % interval; infinite where nothing is known."""
        return self.quantity.bounds()


@dataclass(frozen=True)
class RowPair:
    """Two rows on a network, by one measure, at the published rates and each at its best."""

    network: str
    measure: Measure
    first: Row
    second: Row
    published: Contrast
    best: Contrast

    @property
    def kind(self) -> str:
        """One of KINDS."""
        before, now = self.published.first_is_better, self.best.first_is_better
        if before is None:
            return "not decided" if now is None else "decided by tuning"
        if now is None:
            return "no longer decided"
        return "as before" if before == now else "turned round"

    @property
    def label(self) -> str:
        sign = "/" if self.measure.speed else "-"
        return f"{self.measure.name}: {self.first.label} {sign} {self.second.label}"

    @property
    def winner(self) -> str:
        """The order of a decided pair at their best, in words."""
        ahead, behind = (self.first, self.second) if self.best.first_is_better else (self.second, self.first)
        return f"{ahead.label} before {behind.label}"


def pairs(tuned: TunedTable) -> Iterator[RowPair]:
    """Yields every two rows of a network that have values on both sides."""
    for network, measure in itertools.product(tuned.networks, tuned.ranked):
        rows = list(itertools.combinations([search.row for search in tuned.of(network)], 2))
        sides = [_contrasts(tuned, side, network, rows, measure) for side in SIDES]
        for (first, second), published, best in zip(rows, *sides, strict=True):
            if published is not None and best is not None:
                yield RowPair(network, measure, first, second, published, best)


def _contrasts(
    tuned: TunedTable, side: Side, network: str, rows: Sequence[tuple[Row, Row]], measure: Measure
) -> list[Contrast | None]:
    """Compares pairs of rows at a common level; None where one has no value."""
    quantities = [_compared(tuned, side, network, *pair, measure) for pair in rows]
    level = level_of(quantities)
    contrasts: list[Contrast | None] = []
    for quantity in quantities:
        if quantity is None:
            contrasts.append(None)
            continue
        status = quantity.within(1.0 if measure.speed else 0.0, math.inf, level)
        better = None if status == "not decided" else (status == "holds") == (measure.better == "more")
        contrasts.append(Contrast(quantity, better, level))
    return contrasts


def level_of(compared: Sequence[Quantity | None]) -> float:
    """The level of each of several comparisons, so that of equals any is decided in 5 % of the cases (Bonferroni)."""
    return 1 - (1 - LEVEL) / max(1, sum(quantity is not None and bool(quantity.terms) for quantity in compared))


def _compared(
    tuned: TunedTable, side: Side, network: str, first: Row, second: Row, measure: Measure
) -> Quantity | None:
    a, b = (_quantity(tuned, side, network, row, measure) for row in (first, second))
    if a is None or b is None:
        return None
    a, b = on_common_seeds(a, b)
    return a.over(b) if measure.speed else a.minus(b)


def _quantity(tuned: TunedTable, side: Side, network: str, row: Row, measure: Measure) -> Quantity | None:
    summary, _ = tuned.sides[side].value(network, row.key, measure)
    if summary is None:
        return None
    exact = tuned.published.grid.kind.simulated and measure.clock
    by_seed = tuned.sides[side].by_seed(network, row.key, measure)
    quantity = Quantity.of(summary, exact=exact, by_seed=by_seed)
    diverged = sum(record.status == "diverged" for record in tuned.records(side, network, row))
    if quantity is None or not (measure.speed and diverged):
        return quantity
    return replace(quantity, diverged=f"{diverged} of {quantity.n} runs of {row.key} diverged")


def verdict(compared: Sequence[RowPair], rates: str) -> str:
    """Verdict on the pairs of one network and measure, in words. rates: "published" or "set"."""
    counts = Counter(pair.kind for pair in compared)
    numbers = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    if turned := [pair.winner for pair in compared if pair.kind == "turned round"]:
        return f"tuning turns the order round: {'; '.join(turned)} ({numbers})"
    if counts["no longer decided"]:
        return f"no pair is turned round, but not all that was decided stays so ({numbers})"
    if counts["as before"]:
        return f"what is decided at the {rates} rates stays as it was ({numbers})"
    return f"no pair is decided at the {rates} rates ({numbers})"
