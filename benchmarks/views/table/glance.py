"""A table at a glance: each row's speed-up over one of them, and what it costs in quality, ours beside the published.

The baseline of a network is a row that both sides have. It is backpropagation where the published values have its time,
or are speed-ups over it, or where fewer than two rows with a published time were run; else the row that took longest as
published, such as the LPP-SGD of "up to 2.97x". Where that was not run there is no glance.
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
from results.measures import ALONE, MEASURES, Context, Measure, best_measure, named, words
from results.published import Key, Published
from results.records import Record
from results.statistics.censoring import restricted_ratio
from results.statistics.inference import Interval, mean_interval, weak
from results.statistics.seeds import difference
from results.tables import Bound, Glance, GlanceLine, GlanceValue

SPEEDUP = MEASURES["relative_speedup"]
"""The speed-up of a table without a time; it is over backpropagation as it stands."""
FINAL = {"accuracy_percent": "test_accuracy_percent", "loss": "test_loss"}
"""Measure of the last evaluation, for a table that has it and not that of the best."""


def glance(table_runs: TableRuns, network: str) -> Glance | None:
    """Compares the rows with the baseline; None without a baseline or another row."""
    given = table_runs.context(network)
    times = [measure for measure in MEASURES.values() if measure.time and measure.key in table_runs.table.measures]
    judged = best_measure(table_runs.judge)
    ranked = (judged.key, FINAL.get(table_runs.judge.metric, judged.key))
    shown = [key for key in ranked if key in table_runs.table.measures]
    quality = named(MEASURES[shown[0]], table_runs.judge) if shown else judged
    if table_runs.grid.unlike_tokens:
        quality = BITS
    speed = times[0] if times else SPEEDUP
    if speed.needs == "target" and given.target is None:
        return None
    base = _baseline(table_runs, network, speed)
    if base is None:
        return None
    sides = _Sides(table_runs, network, given, base, speed, quality, _published(table_runs))
    lines = tuple(filter(None, map(sides.line, table_runs.rows)))
    if not lines:
        return None
    name = base.label if base.method == BASELINE.method else f"{base.label}, the slowest as published"
    what = words(speed.key) if times else "seconds per batch"
    heading = "Accuracy (points)" if quality.points else f"{quality.bare_heading} (difference)"
    digits = 1 if quality.points else quality.digits
    return Glance(title_of(network), name, what, quality.name, lines, network, base.key, heading, digits)


def _baseline(table_runs: TableRuns, network: str, speed: Measure) -> Row | None:
    there = [row for row in table_runs.rows if table_runs.complete(network, row.key)]
    plain = sorted((row for row in there if row.method == BASELINE.method), key=lambda row: row.key != BASELINE.key)
    theirs = {row.key: table_runs.grid.published.get((network, row.key, speed.key)) for row in there}
    means = {key: value.mean for key, value in theirs.items() if value is not None}
    if speed is SPEEDUP or len(means) < 2 or any(row.key in means for row in plain):
        return next(iter(plain), None)
    return max((row for row in there if row.key in means), key=lambda row: means[row.key])


def _published(table_runs: TableRuns) -> Mapping[Key, Published]:
    """Published values of the rows: of the table, and of the other tables of its paper on the same data."""
    own, paper = table_runs.grid.published, table_runs.table.source.partition(",")[0]
    if table_runs.table.values is not None or not own:
        return own
    others = published.by_dataset().get(table_runs.table.family, {}).items()
    return {key: value for key, value in others if value.source.partition(",")[0] == paper} | dict(own)


@dataclass(frozen=True)
class _Sides:
    """A network's rows and the one that they are held against."""

    table_runs: TableRuns
    network: str
    given: Context
    base: Row
    speed: Measure
    quality: Measure
    theirs: Mapping[Key, Published]

    def line(self, row: Row) -> GlanceLine | None:
        """Line of a row; None for the baseline itself and for a row without runs."""
        mine, against = self.table_runs.complete(self.network, row.key), self._against(row)
        if row.method == self.base.method == BASELINE.method or row.key == self.base.key or not (mine and against):
            return None
        same = {record.id for record in mine} == {record.id for record in against}
        return GlanceLine(
            row=row.key,
            label=row.label,
            speedup=None if same else self._faster(mine, against),
            published_speedup=self._published_speedup(row),
            accuracy=None if same else self._less(mine, against),
            published_accuracy=self._published_accuracy(row),
            seeds=_seeds(mine, against),
            same=same,
        )

    def _against(self, row: Row) -> Sequence[Record]:
        """Runs of the baseline; of backpropagation those of the row's own workload."""
        if self.base.method == BASELINE.method:
            return self.table_runs.baseline(self.network, row.key)
        return self.table_runs.complete(self.network, self.base.key)

    def _faster(self, mine: Sequence[Record], against: Sequence[Record]) -> GlanceValue | None:
        if self.speed is SPEEDUP:
            known = SPEEDUP.by_run(mine, replace(self.given, baseline=against)).known
            return _with_ends(math.fsum(known) / len(known), mean_interval(known)) if known else None
        theirs, ours = (self.speed.by_run(records, self.given).times for records in (against, mine))
        found = restricted_ratio(theirs, ours) if theirs is not None and ours is not None else None
        if found is None or found.bound == "restricted":
            return None
        return _ratio(found.ratio, found.interval, "" if found.bound == "exact" else found.bound)

    def _less(self, mine: Sequence[Record], against: Sequence[Record]) -> GlanceValue | None:
        found = difference(*(self.quality.by_run(records, ALONE) for records in (mine, against)))
        return _with_ends(*found) if found is not None else None

    def _published_speedup(self, row: Row) -> float | None:
        mine, against = self._pair(row, self.speed)
        if self.speed is SPEEDUP:
            return mine.mean if mine is not None else None
        return against.mean / mine.mean if mine is not None and against is not None and mine.mean else None

    def _published_accuracy(self, row: Row) -> float | None:
        mine, against = self._pair(row, self.quality)
        return mine.mean - against.mean if mine is not None and against is not None else None

    def _pair(self, row: Row, measure: Measure) -> tuple[Published | None, Published | None]:
        mine, against = (self.theirs.get((self.network, key, measure.key)) for key in (row.key, self.base.key))
        return mine, against


def _ratio(value: float, interval: Interval | None, bound: Bound) -> GlanceValue | None:
    """A bound where one of the two may have taken no time, since all its runs were there at the first evaluation."""
    if interval is None or (interval.low > 0 and math.isfinite(interval.high)):
        return _with_ends(value, interval, bound)
    ends: dict[Bound, float] = {"at least": interval.low, "at most": interval.high}
    known = [at for at, end in ends.items() if 0 < end < math.inf]
    return GlanceValue(ends[known[0]], bound=known[0]) if known and bound in ("", known[0]) else None


def _with_ends(value: float, interval: Interval | None, bound: Bound = "") -> GlanceValue:
    """Value with its interval; without one for a single run, and for exact seconds of the simulated clock."""
    if interval is None or interval.low == interval.high:
        return GlanceValue(value, bound=bound)
    return GlanceValue(value, interval.low, interval.high, bound)


def _seeds(mine: Sequence[Record], against: Sequence[Record]) -> str:
    """'5', '4 against 5', '3, weak, 1 diverged'."""
    count = f"{len(mine)}" if len(mine) == len(against) else f"{len(mine)} against {len(against)}"
    gone = sum(record.status == "diverged" for record in mine)
    said = [count, *(["weak"] if weak(min(len(mine), len(against))) else []), *([f"{gone} diverged"] if gone else [])]
    return ", ".join(said)
