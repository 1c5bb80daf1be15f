"""Certainty of a table's speed-ups: intervals, tests against the slowest method, and seeds that it would take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from types import MappingProxyType

from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.site.pages import Grid
from reports.tables.texts import BLANK
from results.measures import MEASURES, words
from results.statistics.censoring import Times, restricted_mean, restricted_ratio
from results.statistics.inference import permutation_test, seeds_needed, weak
from results.statistics.resolution import nearest
from results.statistics.seeds import Seeds
from results.tables import ResultTable

NOTES = (
    "Ratio of mean times, with a 95 % confidence interval; of runs that did not arrive the mean is restricted to how "
    "far all went, which makes the speed-up a bound where it says so. Open: both may have been there at "
    "once, since all runs were there at the first evaluation.",
    "p: two-sided permutation test of the means; three seeds against three cannot go below 0.1. Seeds needed: per "
    "method, to find the difference seen with 80 % power at 5 %, if it is the true one; from three a rough guess. Both "
    "are of the least difference that the evaluations leave open between which the times lie.",
)


def pairwise_tests(table_runs: TableRuns, table: ResultTable) -> Iterator[Grid]:
    """Tests for each network, on the first of the table's times; none where fewer than two methods have two runs."""
    times = [one.key for one in MEASURES.values() if one.time and one in table.measures]
    for measure, network in itertools.product(times[:1], table_runs.networks):
        at = [one.key for one in table.measures].index(measure)
        seeds = {row.method_label: row.cells[at].runs for row in table.rows if row.network == network}
        known = {label: found for label, its in seeds.items() if (found := _times(its)) is not None}
        if len(known) > 1:
            lost = [label for label, its in seeds.items() if its.values and not its.known]
            runs = {
                row.label: {record.id for record in table_runs.complete(network, row.key)} for row in table_runs.rows
            }
            yield _grid(title_of(network), words(measure), known, lost, runs)


def _times(seeds: Seeds) -> Times | None:
    """Times of at least two runs, one of which arrived."""
    return seeds.times if len(seeds.values) > 1 and seeds.known else None


def _grid(
    network: str,
    what: str,
    groups: Mapping[str, Times],
    lost: Sequence[str] = (),
    runs: Mapping[str, Set[str]] = MappingProxyType({}),
) -> Grid:
    """lost: methods none of whose runs arrived; they are named, and slower than all that are compared.

    runs: the ids of each method's, where they are known: what is the slowest under another name is not tested.
    """
    slowest = max(groups, key=lambda label: restricted_mean(groups[label]).mean)
    headers = ("Method", f"Speed-up over {slowest}", "95 % interval", "p", "Seeds needed", "n")
    same = [label for label in groups if label != slowest and runs.get(label) and runs[label] == runs.get(slowest)]
    others = {label: times for label, times in groups.items() if label != slowest and label not in same}
    rows = tuple(_row(label, times, groups[slowest]) for label, times in others.items())
    rows += tuple((label, "the same runs", *[BLANK] * 4) for label in same)
    rows += tuple((label, "none arrived", *[BLANK] * 4) for label in lost)
    return Grid(f"{network}: {what}, tested against the slowest, {slowest}", headers, rows, NOTES)


def _row(label: str, mine: Times, slowest: Times) -> tuple[str, ...]:
    found, n = restricted_ratio(slowest, mine), _count(len(mine.values), len(slowest.values))
    if found is None:
        return label, BLANK, BLANK, BLANK, BLANK, n
    bound = "" if found.bound == "exact" else f"{found.bound} "
    interval = BLANK
    if found.interval is not None:
        low, high = found.interval.low, found.interval.high
        interval = f"[{low:.2f}, {high:.2f}]".replace("inf", "∞") if low > 0 or math.isfinite(high) else "open"
    return label, f"{bound}× {found.ratio:.2f}", interval, *_tested(mine, slowest), n


def _count(mine: int, slowest: int) -> str:
    return f"{mine} against {slowest}{', weak' if weak(min(mine, slowest)) else ''}"


def _tested(mine: Times, slowest: Times) -> tuple[str, str]:
    """p and the seeds needed; dashes where a run did not arrive."""
    if mine.open_ends or slowest.open_ends:
        return BLANK, BLANK
    groups = nearest(mine.bracketed, slowest.bracketed)
    p, needed = float(permutation_test(*groups)), seeds_needed(*groups)
    return f"{p:.2g}" if math.isfinite(p) else BLANK, str(needed) if needed is not None else BLANK
