"""Compares the runs' value with the published one, cell by cell: text, interval and verdict."""

from __future__ import annotations

import math

from reports.site.pages import ShownCell, VerdictBadge
from reports.tables.texts import BLANK, measured_text, published_text, ratio_text
from results.measures import Measure
from results.statistics import Summary
from results.statistics.censoring import Times, restricted_mean
from results.statistics.inference import ACCURACY_MARGIN_POINTS, RELATIVE_MARGIN, equivalence, margin_of, weak
from results.statistics.intervals import Interval
from results.statistics.seeds import Seeds
from results.tables import ResultCell

WEAK = "n = {} is weak"
RULES = (
    "Agreement is an equivalence test (two one-sided t tests at 5 %): the difference of the means must lie within "
    f"± {ACCURACY_MARGIN_POINTS:g} percentage point for an accuracy, within ± {100 * RELATIVE_MARGIN:g} % of the "
    "published value for all else; wholly beyond that it differs, and anything else is undecided.",
    "Intervals are 95 % confidence intervals of the mean (Student's t); of a time to a target that not all runs "
    "reached, the mean restricted to how far the runs went (area under the Kaplan-Meier curve).",
    "Times and epochs until something is reached are those of an evaluation, and may be too high by what lies between "
    "two; their intervals include it.",
    "A run that never reaches the target is never dropped. Three seeds are weak evidence: it is said wherever they are "
    "shown.",
)


def entry(cell: ResultCell, measure: Measure, scale: str, other_data: str = "") -> ShownCell:
    """Returns one cell as shown. other_data: the data of the runs, where they are not the paper's."""
    return ShownCell(
        published=published_text(cell.published, measure),
        measured=measured_text(cell, measure, n=cell.measured.n if cell.measured is not None else None),
        interval=interval_text(cell.runs, measure),
        ratio=ratio_text(cell) if scale == "paper" else BLANK,
        n=count_text(cell.measured),
        light=light(cell, measure, scale, other_data),
    )


def count_text(value: Summary | None) -> str:
    """Returns 'n = 3 is weak', 'n = 10'."""
    if value is None or value.n == 0:
        return BLANK
    return WEAK.format(value.n) if weak(value.n) else f"n = {value.n}"


def interval_text(seeds: Seeds, measure: Measure) -> str:
    """Returns '[0.4, 0.6]', the mean's interval; the restricted mean of censored times; a dash for a single run."""
    if measure.exact or len(seeds.values) < 2:
        return BLANK
    if len(seeds.known) < len(seeds.values):
        return _restricted(seeds.times)
    interval = seeds.bracketed.interval()
    return BLANK if interval is None else _range(measure.possible(interval))


def _restricted(times: Times | None) -> str:
    if times is None or not times.arrived:
        return BLANK
    mean = restricted_mean(times)
    spread = f" {_range(mean.interval)}" if mean.interval is not None else ""
    return f"restricted mean {_short(mean.mean)}{spread} up to {_short(mean.horizon)}"


def _range(interval: Interval) -> str:
    return f"[{_short(interval.low)}, {_short(interval.high)}]"


def light(cell: ResultCell, measure: Measure, scale: str, other_data: str = "") -> VerdictBadge:
    """Returns the verdict on a cell: "not comparable" where scale or data are not the paper's."""
    value = cell.measured
    if value is None or not cell.has_value:
        return VerdictBadge("not measured", cell.reason)
    if value.mean is None:
        why = f"{value.censored} of {value.n} runs" if value.censored else "no value"
        return VerdictBadge("not reached", f"{why}; {cell.reason}" if cell.reason else why)
    if cell.published is None:
        return VerdictBadge("no reference", cell.reason)
    if scale != "paper":
        return VerdictBadge("not comparable", f"scale {scale}")
    if other_data:
        return VerdictBadge("not comparable", other_data)
    margin = margin_of(cell.published.mean, points=measure.points)
    if not margin > 0:
        return VerdictBadge("undecided", "a published value of 0 has no margin")
    measured, paper = cell.runs.bracketed, cell.published
    verdict = equivalence(measured.latest, paper.mean, paper.std, paper.n, margin, widths=measured.widths)
    remark = "; a single run shows no spread" if len(measured.latest) < 2 else ""
    return VerdictBadge(verdict.status, f"margin ± {_short(margin)}{remark}")


def _short(value: float) -> str:
    """Returns three significant digits, without an exponent where that is short."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
