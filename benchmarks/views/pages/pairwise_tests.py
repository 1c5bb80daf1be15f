"""Certainty of a table's speed-ups: intervals, tests against the slowest method, and seeds that it would take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set

from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.site.pages import Grid
from reports.tables.texts import BLANK
from results.measures import MEASURES, words
from results.statistics.censoring import Times, restricted_mean, restricted_ratio
from results.statistics.inference import permutation_test, seeds_needed, weak
from results.statistics.resolution import nearest
from results.tables import ResultTable

NOTES = (
    "Ratio of mean times, with a 95 % confidence interval. If runs did not arrive, the mean is restricted to how far "
    "all went, so the speed-up is a bound where it says so. Open: both may have arrived at once, since all runs had "
    "arrived at the first evaluation.",
    "p: two-sided permutation test of the means; three seeds against three cannot go below 0.1. Seeds needed: per "
    "method, to find the difference seen with 80 % power at 5 %, if it is the true one; from three a rough guess. Both "
    "are of the least difference that is possible, since times lie between two evaluations.",
)


def pairwise_tests(table_runs: TableRuns, table: ResultTable) -> Iterator[Grid]:
    """Tests for each network, on the first of the table's times; none where fewer than two methods have two runs."""
    keys = [measure.key for measure in table.measures]
    times = [measure.key for measure in MEASURES.values() if measure.time and measure.key in keys]
    for network in table_runs.networks if times else ():
        rows = [row for row in table.rows if row.network == network]
        seeds = {row.method_label: row.cells[keys.index(times[0])].runs for row in rows}
        groups = {label: sample.times for label, sample in seeds.items() if len(sample.values) > 1 and sample.known}
        times_by_method = {label: group for label, group in groups.items() if group is not None}
        if len(times_by_method) > 1:
            lost = [label for label, sample in seeds.items() if sample.values and not sample.known]
            runs = {row.label: {run.id for run in table_runs.complete(network, row.key)} for row in table_runs.rows}
            yield tests_of(title_of(network), words(times[0]), times_by_method, lost, runs)


def tests_of(
    network: str, what: str, groups: Mapping[str, Times], lost: Sequence[str], runs: Mapping[str, Set[str]]
) -> Grid:
    """lost: methods none of whose runs arrived: slower than all that are compared, and listed.

    runs: ids of each method's runs: the slowest under another name is not tested.
    """
    slowest = max(groups, key=lambda label: restricted_mean(groups[label]).mean)
    headers = ("Method", f"Speed-up over {slowest}", "95 % interval", "p", "Seeds needed", "n")
    same = [label for label in groups if label != slowest and runs[label] == runs[slowest]]
    others = [label for label in groups if label != slowest and label not in same]
    rows = [_row(label, groups[label], groups[slowest]) for label in others]
    rows += [(label, "the same runs", *[BLANK] * 4) for label in same]
    rows += [(label, "none arrived", *[BLANK] * 4) for label in lost]
    return Grid(f"{network}: {what}, tested against the slowest, {slowest}", headers, tuple(rows), NOTES)


def _row(label: str, times: Times, slowest: Times) -> tuple[str, ...]:
    counts = len(times.values), len(slowest.values)
    n = f"{counts[0]} against {counts[1]}{', weak' if weak(min(counts)) else ''}"
    ratio = restricted_ratio(slowest, times)
    if ratio is None:
        return label, BLANK, BLANK, BLANK, BLANK, n
    bound = "" if ratio.bound == "exact" else f"{ratio.bound} "
    interval = BLANK
    if ratio.interval is not None:
        low, high = ratio.interval.low, ratio.interval.high
        interval = f"[{low:.2f}, {high:.2f}]".replace("inf", "∞") if low > 0 or math.isfinite(high) else "open"
    p, needed = BLANK, BLANK
    if not (times.open_ends or slowest.open_ends):
        pair = nearest(times.bracketed, slowest.bracketed)
        probability, seeds = float(permutation_test(*pair)), seeds_needed(*pair)
        p = f"{probability:.2g}" if math.isfinite(probability) else BLANK
        needed = str(seeds) if seeds is not None else BLANK
    return label, f"{bound}× {ratio.ratio:.2f}", interval, p, needed, n
