"""Paper A's laws (sections 3.3, 3.4 and 5) as claims, judged on the tables of the analyses that measure them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.papers.claims.quantities import Outcome, Quantity
from benchmarks.papers.claims.rules import Look
from benchmarks.papers.claims.verdicts import Claim
from results.tables import ResultRow, ResultTable

SOURCE = "arXiv:2410.05985v1"
TOLERANCE = 0.02
"""Largest relative distance of a deterministic measurement from a law."""
SAME_DENSITY = 0.02
"""Total variation that counts as no distance, beside the sampling noise."""


def _named(look: Look, id: str) -> ResultTable | None:
    return next((table for table in look.tables(id) if table.name == id), None)


def _value(table: ResultTable, row: ResultRow, key: str) -> Quantity | None:
    for measure, cell in zip(table.measures, row.cells, strict=True):
        if measure.key == key and cell.measured is not None:
            return Quantity.of(cell.measured, exact=True)
    return None


def _by_network(table: ResultTable) -> Iterator[tuple[str, list[ResultRow]]]:
    for network in table.networks:
        yield network, [row for row in table.rows if row.network == network]


def _missing(what: str) -> list[Outcome]:
    return [Outcome(what, what, "missing")]


def follows(table: ResultTable) -> list[Outcome]:
    """One point per network of the table: its cell that is furthest off the law lies within the tolerance."""
    points = []
    for network, rows in _by_network(table):
        off = [
            (abs(cell.measured.mean / cell.published.mean - 1), f"{row.method_label}, {measure.heading}")
            for row in rows
            for measure, cell in zip(table.measures, row.cells, strict=True)
            if cell.published is not None and cell.published.mean and cell.measured and cell.measured.mean is not None
        ]
        if off:
            worst, where = max(off)
            text = f"{rows[0].network_label}: at most {100 * worst:.2g} % off the law ({where})"
            status = Quantity(worst).within(-1.0, TOLERANCE)
            points.append(Outcome(f"law {network}", text, status, TOLERANCE - worst))
    return points or _missing("law")


def _greatest_speedup(look: Look) -> list[Outcome]:
    """The law; and no measured speed-up above 1 + beta, which the longest stream with enough workers nears.

    A column that by the law itself does not come near, for short streams or few workers, says nothing of the maximum.
    """
    table = _named(look, "speedup")
    if table is None:
        return _missing("speedup")
    points = follows(table)
    for index, measure in enumerate(table.measures):
        beta = float(measure.key.rpartition("_")[2])
        laws = [cell.published.mean for row in table.rows if (cell := row.cells[index]).published is not None]
        if max(laws, default=0.0) < (1 - TOLERANCE) * (1 + beta):
            continue
        found = [value.value for row in table.rows if (value := _value(table, row, measure.key)) is not None]
        if not found:
            continue
        share = max(found) / (1 + beta)
        status = Quantity(share).within(1 - TOLERANCE, 1 + TOLERANCE)
        text = f"β = {beta:g}: at most {max(found):.4g}, where 1 + β = {1 + beta:g}"
        points.append(Outcome("maximum", text, status, TOLERANCE - abs(share - 1)))
    return points


def _grows(look: Look) -> list[Outcome]:
    """The wait summed over the layers follows beta T (M - 1) / 2, and grows with each depth and each beta."""
    table = _named(look, "staleness")
    if table is None:
        return _missing("staleness")
    points = follows(table)
    for network, rows in _by_network(table):
        sums = [value.value for row in rows if (value := _value(table, row, "wait_sum")) is not None]
        if len(sums) < 2:
            continue
        least = min(b - a for a, b in pairwise(sums))
        text = (
            f"{rows[0].network_label}: summed over layers {sums[0]:.3g} T at {rows[0].method_label} to {sums[-1]:.3g} T"
        )
        text += f" at {rows[-1].method_label}"
        points.append(Outcome(f"growth {network}", text, Quantity(least).within(0.0, math.inf), least))
    return [*points, *_grows_with_beta(table)]


def _grows_with_beta(table: ResultTable) -> Iterator[Outcome]:
    """Comparisons for each depth: the wait summed over the layers, from one time of a backward pass to the next."""
    for depth in dict.fromkeys(row.row for row in table.rows if row.row != "layers=1"):
        rows = sorted((float(row.network.removeprefix("beta=")), row) for row in table.rows if row.row == depth)
        sums = [value.value for _, row in rows if (value := _value(table, row, "wait_sum")) is not None]
        if len(sums) > 1:
            least = min(b - a for a, b in pairwise(sums))
            text = f"{rows[0][1].method_label}: {sums[0]:.3g} T at β = {rows[0][0]:g} to {sums[-1]:.3g} T at "
            text += f"β = {rows[-1][0]:g}"
            yield Outcome(f"growth {depth}", text, Quantity(least).within(0.0, math.inf), least)


def _averages(look: Look) -> list[Outcome]:
    """The average over the layers against beta T (M - 1) / 2, at the greatest depth."""
    table = _named(look, "staleness")
    if table is None:
        return _missing("staleness")
    points = []
    for network, rows in _by_network(table):
        total, mean = (_value(table, rows[-1], key) for key in ("wait_sum", "wait_mean"))
        if total is None or mean is None or total.value <= 0:
            continue
        label = f"{rows[0].network_label}, {rows[-1].method_label}"
        text = f"{label}: average {mean.value:.3g} T, where the formula gives {total.value:.3g} T"
        share = mean.value / total.value
        points.append(Outcome(network, text, Quantity(share).within(1 - TOLERANCE, 1 + TOLERANCE), -abs(share - 1)))
    return points or _missing("staleness")


def _fresher(look: Look) -> list[Outcome]:
    """Stale updates under LU are fewer than under BU, in every network of more than one layer."""
    table = _named(look, "staleness")
    if table is None:
        return _missing("staleness")
    points = []
    for row in table.rows:
        lu, bu = (_value(table, row, key) for key in ("lu_updates", "bu_updates"))
        if lu is None or bu is None or row.row == "layers=1":
            continue
        text = (
            f"{row.network_label}, {row.method_label}: {lu.value:.3g} stale updates under LU, {bu.value:.3g} under BU"
        )
        found = bu.minus(lu)
        points.append(Outcome(row.network, text, found.within(0.0, math.inf), found.value))
    return points or _missing("staleness")


def _recovers_sgd(look: Look) -> list[Outcome]:
    """The distance to plain SGD's density falls with sigma_STALE, down to sampling noise."""
    table = _named(look, "stationary")
    if table is None:
        return _missing("stationary")
    points = []
    for network, rows in _by_network(table):
        by_ratio = {float(row.row.removeprefix("ratio=")): _value(table, row, "distance_to_plain_sgd") for row in rows}
        noisy = sorted((ratio, d) for ratio, d in by_ratio.items() if ratio > 0 and d is not None)
        if len(noisy) < 2:
            continue
        (low, near), (high, far) = noisy[0], noisy[-1]
        noise = by_ratio.get(0.0) or Quantity(0.0)
        text = f"{rows[0].network_label}: distance {near.value:.3g} at σ_STALE / σ_SGD = {low:g}, {far.value:.3g} at "
        text += f"{high:g}, {noise.value:.3g} between two runs of plain SGD"
        shrinks, gone = far.minus(near), near.minus(noise)
        points.append(Outcome(network, text, shrinks.within(0.0, math.inf), shrinks.value))
        points.append(Outcome(network, text, gone.within(-math.inf, SAME_DENSITY), SAME_DENSITY - gone.value))
    return points or _missing("stationary")


SPEEDUP = Claim(
    "a-speedup",
    "the maximum achievable speedup is expected to be 1 + β",
    f"{SOURCE}, section 3.3",
    ("speedup",),
    _greatest_speedup,
    rule="within 2 % of λ = b (1 + β) / (b + β) over the grid, and of 1 + β for the longest stream",
    remark="λ does not follow from the T1 = (b + β) T that is printed, but from b (1 + β) T.",
)
STALENESS = (
    Claim(
        "a-staleness-grows",
        "τ increases with the network's depth and the time required to perform one backward pass",
        f"{SOURCE}, section 3.4",
        ("staleness",),
        _grows,
        rule="within 2 % of β T (M - 1) / 2 summed over the layers, and growing with M and with β",
        remark="This is the sum over the layers: a layer's own share stays below β T / 2 (see a-staleness-average).",
    ),
    Claim(
        "a-staleness-average",
        "Averaging over the layers, we have τ = β T (M - 1) / 2",
        f"{SOURCE}, section 3.4",
        ("staleness",),
        _averages,
        rule="the average over the layers within 2 % of it, at the greatest depth",
        remark="The formula is the sum; the paper does not divide it by M. A gain linear in depth does not follow.",
    ),
    Claim(
        "a-lu-fresher",
        "we update the layers as soon as the corresponding gradients are available ... reduces the staleness",
        f"{SOURCE}, sections 3.2 and 3.4",
        ("staleness",),
        _fresher,
        rule="fewer updates between a layer's forward pass and its update than under block updates",
    ),
)
STATIONARY = Claim(
    "a-stationary",
    "a close approximation to p* of SGD, which is perfectly recovered if σ_STALE is small compared to σ_SGD",
    f"{SOURCE}, section 5 and appendix B",
    ("stationary",),
    _recovers_sgd,
    rule="the distance to plain SGD's density falls with σ_STALE, to within 0.02 of what sampling leaves",
    remark="The noise is injected; what real delays do stands in the analysis's table of methods.",
)

CLAIMS = (SPEEDUP, *STALENESS, STATIONARY)
