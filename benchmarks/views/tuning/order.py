"""Whether tuning changes the order of a table's rows, pair by pair, by the inference that claims are judged by.

A pair is decided at the published rates, or with each at its best, where the 95 % interval of its difference (of
accuracies) or quotient (of all else) leaves out 0 or 1, seed by seed: benchmarks.papers.claims.rules has the rule. A
single run a row decides nothing but the simulated clock's own seconds.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.papers.claims.quantities import Quantity, on_common_seeds
from benchmarks.tables.definition import Row
from benchmarks.views.tuning.tuned import SIDES, Side, TunedTable
from results.measures import Measure, words

KINDS = ("turned round", "no longer decided", "decided by tuning", "as before", "not decided")
"""What tuning does to a pair, the gravest first."""


@dataclass(frozen=True)
class Contrast:
    """The first row less the second, or over it. first_is_better: None where it is not decided."""

    quantity: Quantity
    first_is_better: bool | None

    @property
    def ends(self) -> tuple[float, float]:
        """Of the 95 % interval; infinite where nothing is known."""
        known = self.quantity.interval
        return (
            -math.inf if self.quantity.open_below else known.low,
            math.inf if self.quantity.open_above else known.high,
        )


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
        sign = "-" if self.measure.points else "/"
        return f"{words(self.measure.key)}: {self.first.label} {sign} {self.second.label}"

    @property
    def winner(self) -> str:
        """At their best, in words; where it is decided."""
        ahead, behind = (self.first, self.second) if self.best.first_is_better else (self.second, self.first)
        return f"{ahead.label} before {behind.label}"


def pairs(tuned: TunedTable) -> Iterator[RowPair]:
    """Every two rows of a network that have a value on either side."""
    for network, measure in itertools.product(tuned.networks, tuned.ranked):
        for one, other in itertools.combinations([search.row for search in tuned.of(network)], 2):
            found = [_contrast(tuned, side, network, one, other, measure) for side in SIDES]
            if found[0] is not None and found[1] is not None:
                yield RowPair(network, measure, one, other, found[0], found[1])


def verdict(found: list[RowPair]) -> str:
    """On the pairs of one network and measure, in words."""
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


def _contrast(tuned: TunedTable, side: Side, network: str, one: Row, other: Row, measure: Measure) -> Contrast | None:
    a, b = (_quantity(tuned, side, network, row, measure) for row in (one, other))
    if a is None or b is None:
        return None
    a, b = on_common_seeds(a, b)
    made = a.minus(b) if measure.points else a.over(b)
    if made is None:
        return None
    status = made.within(0.0 if measure.points else 1.0, math.inf)
    if status == "not decided":
        return Contrast(made, None)
    return Contrast(made, (status == "holds") == (measure.better == "more"))


def _quantity(tuned: TunedTable, side: Side, network: str, row: Row, measure: Measure) -> Quantity | None:
    summary, _ = tuned.value(side, network, row, measure)
    exact = tuned.published.choices.kind.simulated and measure.clock
    by_seed = tuned.by_seed(side, network, row, measure)
    found = Quantity.of(summary, exact=exact, by_seed=by_seed) if summary is not None and summary.n else None
    gone = sum(record.status == "diverged" for record in tuned.records(side, network, row))
    if found is None or not measure.speed or not gone:
        return found
    return replace(found, diverged=f"{gone} of {found.n} runs of {row.key} diverged")
