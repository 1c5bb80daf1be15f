"""A table at a glance: each row's speed-up over a baseline and its cost in quality, measured beside published.

The baseline of a network is backpropagation if its time was published, or speed-ups over it, or if fewer than two rows
with a published time were run. Else it is the row that took longest as published, such as LPP-SGD in "up to 2.97x". If
the baseline was not run, there is no glance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.tables.definition import Row
from benchmarks.tables.shared import BASELINE
from benchmarks.views.table_runs import BITS, TableRuns
from benchmarks.workloads.networks.names import title_of
from results import published
from results.measures import ALONE, MEASURES, Measure, best_measure, named, words
from results.published import Key, Published
from results.records import Record
from results.statistics.censoring import restricted_ratio
from results.statistics.inference import weak
from results.statistics.intervals import Interval, mean_interval
from results.statistics.seeds import difference
from results.tables import Bound, Glance, GlanceLine, GlanceValue

SPEEDUP = MEASURES["relative_speedup"]
"""For a table without a time: it is over backpropagation already."""
FINAL = {"accuracy_percent": "test_accuracy_percent", "loss": "test_loss"}
"""Measure of the last evaluation, for a table without that of the best."""


def glance(table_runs: TableRuns, network: str) -> Glance | None:
    """Compares the rows with the baseline; None without a baseline or another row."""
    measures, judge = table_runs.table.measures, table_runs.judge
    times = [measure for measure in MEASURES.values() if measure.time and measure.key in measures]
    speed, quality = times[0] if times else SPEEDUP, best_measure(judge)
    if table_runs.grid.unlike_tokens:
        quality = BITS
    elif quality.key not in measures and FINAL.get(judge.metric) in measures:
        quality = named(MEASURES[FINAL[judge.metric]], judge)
    base = _baseline(table_runs, network, speed)
    if base is None or (speed.needs == "target" and table_runs.context(network).target is None):
        return None
    comparison = _Comparison(table_runs, network, base, speed, quality, _published(table_runs))
    lines = tuple(filter(None, map(comparison.line, table_runs.rows)))
    if not lines:
        return None
    name = base.label if base.method == BASELINE.method else f"{base.label}, the slowest as published"
    what = words(speed.key) if times else "seconds per batch"
    heading = "Accuracy (points)" if quality.points else f"{quality.bare_heading} (difference)"
    digits = 1 if quality.points else quality.digits
    return Glance(title_of(network), name, what, quality.name, lines, network, base.key, heading, digits)


def _baseline(table_runs: TableRuns, network: str, speed: Measure) -> Row | None:
    rows = [row for row in table_runs.rows if table_runs.complete(network, row.key)]
    plain = sorted((row for row in rows if row.method == BASELINE.method), key=lambda row: row.key != BASELINE.key)
    times = {row.key: table_runs.grid.published.get((network, row.key, speed.key)) for row in rows}
    means = {key: value.mean for key, value in times.items() if value is not None}
    if speed is SPEEDUP or len(means) < 2 or any(row.key in means for row in plain):
        return plain[0] if plain else None
    return max((row for row in rows if row.key in means), key=lambda row: means[row.key])


def _published(table_runs: TableRuns) -> Mapping[Key, Published]:
    """Published values of the rows: of the table, and of the other tables of its paper on the same data."""
    own, paper = table_runs.grid.published, table_runs.table.source.partition(",")[0]
    if table_runs.table.values is not None or not own:
        return own
    others = published.by_dataset().get(table_runs.table.family, {}).items()
    return {key: value for key, value in others if value.source.partition(",")[0] == paper} | dict(own)


@dataclass(frozen=True)
class _Comparison:
    """Compares a network's rows with the row `base`."""

    table_runs: TableRuns
    network: str
    base: Row
    speed: Measure
    quality: Measure
    published: Mapping[Key, Published]

    def line(self, row: Row) -> GlanceLine | None:
        """Line of a row; None for the baseline itself and for a row without runs."""
        of_bp = self.base.method == BASELINE.method
        runs = self.table_runs.complete(self.network, row.key)
        if of_bp:  # backpropagation of the row's own workload
            baseline = self.table_runs.baseline(self.network, row.key)
        else:
            baseline = self.table_runs.complete(self.network, self.base.key)
        if row.key == self.base.key or (of_bp and row.method == BASELINE.method) or not (runs and baseline):
            return None
        same = {record.id for record in runs} == {record.id for record in baseline}
        cost = None if same else difference(*(self.quality.by_run(records, ALONE) for records in (runs, baseline)))
        seconds, base_seconds = self._means(row, self.speed)
        quality, base_quality = self._means(row, self.quality)
        speedup = seconds if self.speed is SPEEDUP else base_seconds / seconds if seconds and base_seconds else None
        return GlanceLine(
            row=row.key,
            label=row.label,
            speedup=None if same else self._speedup(runs, baseline),
            published_speedup=speedup,
            accuracy=_with_ends(*cost) if cost is not None else None,
            published_accuracy=quality - base_quality if quality is not None and base_quality is not None else None,
            seeds=_seeds(runs, baseline),
            same=same,
        )

    def _means(self, row: Row, measure: Measure) -> tuple[float | None, float | None]:
        """Published means of a row and of the baseline."""
        values = [self.published.get((self.network, key, measure.key)) for key in (row.key, self.base.key)]
        mean, base = (value.mean if value is not None else None for value in values)
        return mean, base

    def _speedup(self, runs: Sequence[Record], baseline: Sequence[Record]) -> GlanceValue | None:
        context = self.table_runs.context(self.network)
        if self.speed is SPEEDUP:
            values = SPEEDUP.by_run(runs, replace(context, baseline=baseline)).known
            return _with_ends(math.fsum(values) / len(values), mean_interval(values)) if values else None
        over, under = (self.speed.by_run(records, context).times for records in (baseline, runs))
        ratio = restricted_ratio(over, under) if over is not None and under is not None else None
        if ratio is None or ratio.bound == "restricted":
            return None
        bound: Bound = "" if ratio.bound == "exact" else ratio.bound
        if ratio.interval is None or (ratio.interval.low > 0 and math.isfinite(ratio.interval.high)):
            return _with_ends(ratio.ratio, ratio.interval, bound)
        # One side may have taken no time, since all its runs arrived at the first evaluation: only a bound is known.
        ends: dict[Bound, float] = {"at least": ratio.interval.low, "at most": ratio.interval.high}
        sides = [side for side, end in ends.items() if 0 < end < math.inf]
        return GlanceValue(ends[sides[0]], bound=sides[0]) if sides and bound in ("", sides[0]) else None


def _with_ends(value: float, interval: Interval | None, bound: Bound = "") -> GlanceValue:
    """Value with its interval; without one for a single run, and for exact seconds of the simulated clock."""
    if interval is None or interval.low == interval.high:
        return GlanceValue(value, bound=bound)
    return GlanceValue(value, interval.low, interval.high, bound)


def _seeds(runs: Sequence[Record], baseline: Sequence[Record]) -> str:
    """'5', '4 against 5', '3, weak, 1 diverged'."""
    count = f"{len(runs)}" if len(runs) == len(baseline) else f"{len(runs)} against {len(baseline)}"
    diverged = sum(record.status == "diverged" for record in runs)
    is_weak = "weak" if weak(min(len(runs), len(baseline))) else ""
    return ", ".join(filter(None, (count, is_weak, f"{diverged} diverged" if diverged else "")))
