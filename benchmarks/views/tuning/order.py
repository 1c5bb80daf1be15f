"""Whether tuning changes the order of a table's rows, pair by pair, by the inference that claims are judged by.

A pair is decided at the published rates, or with each at its best, where the 95 % interval of its difference (of
accuracies, losses) or quotient (of times, epochs) leaves out 0 or 1, seed by seed: benchmarks.papers.claims.rules has
the rule. A single run a row decides nothing but the simulated clock's own seconds. Of m pairs of a network, by one
measure at one side's rates, each is held to a level of 1 - 5 %/m instead (Bonferroni), since either outcome of any of
them would be reported; the 95 % interval that is shown is that of the pair by itself.
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
    """The first row less the second, or over it. first_is_better: None where it is not decided.

    level: to which the decision is held.
    """

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
        """Winner of the pair at their best, in words, where it is decided."""
        ahead, behind = (self.first, self.second) if self.best.first_is_better else (self.second, self.first)
        return f"{ahead.label} before {behind.label}"


def pairs(tuned: TunedTable) -> Iterator[RowPair]:
    """Every two rows of a network that have a value on either side."""
    for network, measure in itertools.product(tuned.networks, tuned.ranked):
        rows = list(itertools.combinations([search.row for search in tuned.of(network)], 2))
        before, now = ([_made(tuned, side, network, *pair, measure) for pair in rows] for side in SIDES)
        levels = [level_of(made) for made in (before, now)]
        for (one, other), a, b in zip(rows, before, now, strict=True):
            if a is not None and b is not None:
                sides = (_contrast(of, measure, level) for of, level in zip((a, b), levels, strict=True))
                yield RowPair(network, measure, one, other, *sides)


def level_of(compared: Sequence[Quantity | None]) -> float:
    """The level of each of several comparisons, so that of equals any is decided in 5 % of the cases (Bonferroni)."""
    return 1 - (1 - LEVEL) / max(1, sum(one is not None and bool(one.terms) for one in compared))


def verdict(found: list[RowPair]) -> str:
    """Verdict on the pairs of one network and measure, in words."""
    counts = Counter(pair.kind for pair in found)
    said = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    turned = [pair.winner for pair in found if pair.kind == "turned round"]
    if turned:
        return f"tuning turns the order round: {'; '.join(turned)} ({said})"
    if counts["no longer decided"]:
        return f"no pair is turned round, but not all that was decided stays so ({said})"
    if counts["as before"]:
        return f"what is decided at the published rates stays as it was ({said})"
    return f"no pair is decided at the published rates ({said})"


def _made(tuned: TunedTable, side: Side, network: str, one: Row, other: Row, measure: Measure) -> Quantity | None:
    a, b = (_quantity(tuned, side, network, row, measure) for row in (one, other))
    if a is None or b is None:
        return None
    a, b = on_common_seeds(a, b)
    return a.over(b) if measure.speed else a.minus(b)


def _contrast(made: Quantity, measure: Measure, level: float) -> Contrast:
    status = made.within(1.0 if measure.speed else 0.0, math.inf, level)
    better = None if status == "not decided" else (status == "holds") == (measure.better == "more")
    return Contrast(made, better, level)


def _quantity(tuned: TunedTable, side: Side, network: str, row: Row, measure: Measure) -> Quantity | None:
    summary, _ = tuned.sides[side].value(network, row.key, measure)
    exact = tuned.published.grid.kind.simulated and measure.clock
    by_seed = tuned.sides[side].by_seed(network, row.key, measure)
    found = Quantity.of(summary, exact=exact, by_seed=by_seed) if summary is not None and summary.n else None
    gone = sum(record.status == "diverged" for record in tuned.records(side, network, row))
    if found is None or not measure.speed or not gone:
        return found
    return replace(found, diverged=f"{gone} of {found.n} runs of {row.key} diverged")
