"""Claims about paper A's laws (sections 3.3, 3.4 and 5), judged on the tables of the analyses that measure them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from benchmarks.papers.claims.quantities import Quantity
from benchmarks.papers.claims.rules import Look, Outcome, Points, missing
from benchmarks.papers.claims.verdicts import Claim
from results.tables import ResultRow, ResultTable

SOURCE = "arXiv:2410.05985v1"
TOLERANCE = 0.02
"""Largest relative deviation of a deterministic measurement from a law."""
SAME_DENSITY = 0.02
"""Total variation distance below which densities count as equal, besides sampling noise."""


Judge = Callable[[ResultTable], list[Outcome]]


def _of_table(name: str, judge: Judge) -> Points:
    """Judges the table with this name of the analysis with this name; missing if nothing can be judged."""

    def points(look: Look) -> list[Outcome]:
        tables = [table for table in look.tables(name) if table.name == name]
        return (judge(tables[0]) if tables else []) or [missing(name)]

    return points


def _law(group: str, text: str, quantity: Quantity, low: float = -math.inf, high: float = math.inf) -> Outcome:
    """Judges whether a quantity lies between low and high. text: the full description."""
    return Outcome(group, text, quantity.within(low, high), min(quantity.value - low, high - quantity.value))


def _near_one(group: str, text: str, share: float) -> Outcome:
    return _law(group, text, Quantity(share), 1 - TOLERANCE, 1 + TOLERANCE)


def _value(table: ResultTable, row: ResultRow, key: str) -> Quantity | None:
    for measure, cell in zip(table.measures, row.cells, strict=True):
        if measure.key == key and cell.measured is not None:
            return Quantity.of(cell.measured, exact=True)
    return None


def _by_network(table: ResultTable) -> Iterator[tuple[str, list[ResultRow]]]:
    for network in table.networks:
        yield network, [row for row in table.rows if row.network == network]


def _follows(table: ResultTable) -> list[Outcome]:
    """Compares, per network, the cell that deviates most from the law with the tolerance."""
    points = []
    for network, rows in _by_network(table):
        off = [
            (abs(cell.measured.mean / cell.published.mean - 1), f"{row.method_label}, {measure.heading}")
            for row in rows
            for measure, cell in zip(table.measures, row.cells, strict=True)
            if cell.published is not None and cell.published.mean and cell.measured and cell.measured.mean is not None
        ]
        if off:
            worst, cell_name = max(off)
            text = f"{rows[0].network_label}: at most {100 * worst:.2g} % off the law ({cell_name})"
            points.append(_law(f"law {network}", text, Quantity(worst), -1.0, TOLERANCE))
    return points or [missing("law")]


def _greatest_speedup(table: ResultTable) -> list[Outcome]:
    """Judges the law, and whether the measured speed-ups approach 1 + beta and stay below it.

    Columns whose law stays far from 1 + beta, for short streams or few workers, say nothing about the maximum.
    """
    points = _follows(table)
    for index, measure in enumerate(table.measures):
        greatest = 1 + float(measure.key.rpartition("_")[2])
        laws = [cell.published.mean for row in table.rows if (cell := row.cells[index]).published is not None]
        values = [value.value for row in table.rows if (value := _value(table, row, measure.key)) is not None]
        if values and max(laws, default=0.0) >= (1 - TOLERANCE) * greatest:
            text = f"β = {greatest - 1:g}: at most {max(values):.4g}, where 1 + β = {greatest:g}"
            points.append(_near_one("maximum", text, max(values) / greatest))
    return points


def _grows(table: ResultTable) -> list[Outcome]:
    """Judges whether the wait summed over layers follows beta T (M - 1) / 2, and grows with depth and with beta."""
    points = _follows(table)
    for network, rows in _by_network(table):
        at = [row.method_label for row in rows]
        points += _growth(table, network, rows[0].network_label, rows, at)
    for depth in dict.fromkeys(row.row for row in table.rows if row.row != "layers=1"):
        rows = sorted((row for row in table.rows if row.row == depth), key=_beta)
        points += _growth(table, depth, rows[0].method_label, rows, [f"β = {_beta(row):g}" for row in rows])
    return points


def _beta(row: ResultRow) -> float:
    return float(row.network.removeprefix("beta="))


def _growth(
    table: ResultTable, group: str, label: str, rows: Sequence[ResultRow], at: Sequence[str]
) -> Iterator[Outcome]:
    """Judges whether the wait summed over layers grows from row to row. at: position of each row, in words."""
    sums = [value.value for row in rows if (value := _value(table, row, "wait_sum")) is not None]
    if len(sums) > 1:
        text = f"{label}: summed over layers {sums[0]:.3g} T at {at[0]} to {sums[-1]:.3g} T at {at[-1]}"
        yield _law(f"growth {group}", text, Quantity(min(b - a for a, b in pairwise(sums))), 0.0)


def _averages(table: ResultTable) -> list[Outcome]:
    """Compares the average over layers with beta T (M - 1) / 2, at the greatest depth."""
    points = []
    for network, rows in _by_network(table):
        total, mean = (_value(table, rows[-1], key) for key in ("wait_sum", "wait_mean"))
        if total is not None and mean is not None and total.value > 0:
            label = f"{rows[0].network_label}, {rows[-1].method_label}"
            text = f"{label}: average {mean.value:.3g} T, where the formula gives {total.value:.3g} T"
            points.append(_near_one(network, text, mean.value / total.value))
    return points


def _fresher(table: ResultTable) -> list[Outcome]:
    """Judges whether updates are less stale under LU than under BU, in every network with more than one layer."""
    points = []
    for row in table.rows:
        lu, bu = (_value(table, row, key) for key in ("lu_updates", "bu_updates"))
        if lu is not None and bu is not None and row.row != "layers=1":
            label = f"{row.network_label}, {row.method_label}"
            text = f"{label}: {lu.value:.3g} stale updates under LU, {bu.value:.3g} under BU"
            points.append(_law(row.network, text, bu.minus(lu), 0.0))
    return points


def _recovers_sgd(table: ResultTable) -> list[Outcome]:
    """Judges whether the distance to plain SGD's density falls with sigma_STALE, down to sampling noise."""
    points = []
    for network, rows in _by_network(table):
        by_ratio = {float(row.row.removeprefix("ratio=")): _value(table, row, "distance_to_plain_sgd") for row in rows}
        noisy = sorted((ratio, d) for ratio, d in by_ratio.items() if ratio > 0 and d is not None)
        if len(noisy) > 1:
            (low, lowest), (high, highest) = noisy[0], noisy[-1]
            noise = by_ratio.get(0.0) or Quantity(0.0)
            text = (
                f"{rows[0].network_label}: distance {lowest.value:.3g} at σ_STALE / σ_SGD = {low:g}, "
                f"{highest.value:.3g} at {high:g}, {noise.value:.3g} between two runs of plain SGD"
            )
            points.append(_law(network, text, highest.minus(lowest), 0.0))
            points.append(_law(network, text, lowest.minus(noise), high=SAME_DENSITY))
    return points


SPEEDUP = Claim(
    "a-speedup",
    "the maximum achievable speedup is expected to be 1 + β",
    f"{SOURCE}, section 3.3",
    ("speedup",),
    _of_table("speedup", _greatest_speedup),
    rule="within 2 % of λ = b (1 + β) / (b + β) over the grid, and of 1 + β for the longest stream",
    remark="λ does not follow from the T1 = (b + β) T that is printed, but from b (1 + β) T.",
)
STALENESS = (
    Claim(
        "a-staleness-grows",
        "τ increases with the network's depth and the time required to perform one backward pass",
        f"{SOURCE}, section 3.4",
        ("staleness",),
        _of_table("staleness", _grows),
        rule="within 2 % of β T (M - 1) / 2 summed over the layers, and growing with M and with β",
        remark="This is the sum over the layers: a layer's own share stays below β T / 2 (see a-staleness-average).",
    ),
    Claim(
        "a-staleness-average",
        "Averaging over the layers, we have τ = β T (M - 1) / 2",
        f"{SOURCE}, section 3.4",
        ("staleness",),
        _of_table("staleness", _averages),
        rule="the average over the layers within 2 % of it, at the greatest depth",
        remark="The formula is the sum; the paper does not divide it by M. A gain linear in depth does not follow.",
    ),
    Claim(
        "a-lu-fresher",
        "we update the layers as soon as the corresponding gradients are available ... reduces the staleness",
        f"{SOURCE}, sections 3.2 and 3.4",
        ("staleness",),
        _of_table("staleness", _fresher),
        rule="fewer updates between a layer's forward pass and its update than under block updates",
    ),
)
STATIONARY = Claim(
    "a-stationary",
    "a close approximation to p* of SGD, which is perfectly recovered if σ_STALE is small compared to σ_SGD",
    f"{SOURCE}, section 5 and appendix B",
    ("stationary",),
    _of_table("stationary", _recovers_sgd),
    rule="the distance to plain SGD's density falls with σ_STALE, to within 0.02 of what sampling leaves",
    remark="The noise is injected; what real delays do stands in the analysis's table of methods.",
)

CLAIMS = (SPEEDUP, *STALENESS, STATIONARY)
