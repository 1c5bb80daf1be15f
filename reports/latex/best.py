"""Which values of a measure are set in bold: the best, and what the runs do not tell apart from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from results.measures import Measure
from results.statistics import Summary
from results.statistics.resolution import difference_hull, of_summary

RULE = (
    "Bold: the best, and what the 95 % interval of the difference of means (Welch's) does not tell apart from it; "
    "nothing where that is every row, or where runs that never arrived leave it open."
)


def best(values: Sequence[Summary | None], measure: Measure) -> frozenset[int]:
    """values: of the methods on one network. -> the places of those in bold."""
    known = {place: value for place, value in enumerate(values) if value is not None and value.mean is not None}
    if not measure.better or len(known) < 2:
        return frozenset()
    sign = 1 if measure.better == "more" else -1
    top = max(known.values(), key=lambda value: sign * _mean(value))
    if any(_may_be_better(value, top, sign) for value in values if value is not None and value.mean is None):
        return frozenset()
    alike = frozenset(place for place, value in known.items() if not _apart(value, top, exact=measure.exact))
    return alike if len(alike) < len(known) else frozenset()


def _mean(value: Summary) -> float:
    return math.nan if value.mean is None else value.mean


def _may_be_better(censored: Summary, top: Summary, sign: int) -> bool:
    """Whether runs without a value, known by a lower bound at most, may have a better mean."""
    return sign > 0 or censored.at_least is None or censored.at_least < _mean(top)


def _apart(value: Summary, top: Summary, *, exact: bool) -> bool:
    if math.isclose(_mean(value), _mean(top), rel_tol=1e-9):
        return False
    one, other = of_summary(value), of_summary(top)
    if one is None or other is None:
        return exact
    found = difference_hull(one, other)
    return not found.low <= 0 <= found.high
