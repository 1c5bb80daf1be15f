"""Chooses the values of a measure to set in bold: the best, and those that the runs do not tell apart from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from results.measures import Measure
from results.statistics import Summary
from results.statistics.resolution import summary_difference
from results.statistics.seeds import apart, equal
from results.tables import ResultCell

RULE = (
    "Bold: the best, and what a 95 % interval does not tell apart from it (of differences seed by seed, of times of "
    "their ratio); nothing where that is every row, or where runs that never arrived leave it open."
)


def best(cells: Sequence[ResultCell], measure: Measure) -> frozenset[int]:
    """Returns the places of the cells in bold. cells: of the methods on one network."""
    values = [cell.measured for cell in cells if cell.measured is not None]
    by_place = {place: cell for place, cell in enumerate(cells) if not math.isnan(_mean(cell))}
    if not measure.better or len(by_place) < 2:
        return frozenset()
    sign = 1 if measure.better == "more" else -1
    top = max(by_place.values(), key=lambda cell: sign * _mean(cell))
    if any(_may_be_better(value, _mean(top), sign) for value in values if value.mean is None):
        return frozenset()
    alike = frozenset(place for place, cell in by_place.items() if not _apart(cell, top, exact=measure.exact))
    return alike if len(alike) < len(by_place) else frozenset()


def _mean(cell: ResultCell) -> float:
    return math.nan if cell.measured is None or cell.measured.mean is None else cell.measured.mean


def _may_be_better(censored: Summary, top: float, sign: int) -> bool:
    """Whether runs without a value, known by a lower bound at most, may have a better mean."""
    return sign > 0 or censored.at_least is None or censored.at_least < top


def _apart(cell: ResultCell, top: ResultCell, *, exact: bool) -> bool:
    if cell.measured is None or top.measured is None or equal(cell.measured.mean, top.measured.mean):
        return False
    if cell.runs.values and top.runs.values:
        different = apart(cell.runs, top.runs)
    else:  # an analysis has mean and standard deviation alone
        interval = summary_difference(cell.measured, top.measured)
        different = None if interval is None else interval.leaves_out(0)
    return exact if different is None else different
