"""Updates that were lost and reads that saw half of one, layer by layer, as tables of a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.site.pages import Grid
from results.records import Record

Counts = dict[str, dict[str, float]]
"""Counts of each layer over a row's runs."""
PARTS = ("reads", "lost_updates", "overlapping_updates", "weight_reads", "torn_reads", "overlapping_reads")
LOST = (
    "With updates=overwrite exact: what is not in the weights at the end. With lock_free an estimate, by counters that "
    "race as the weights do; the bound counts the updates that overlapped another write in time.",
)
TORN = (
    "A pass takes no lock, unless the run is recorded, so that it may see half of an update that takes one. The "
    "estimate takes both to go through the weights once, front to back; the bound counts all that overlapped in time.",
)


def grids(table_runs: TableRuns) -> Iterator[Grid]:
    """Tables of lost updates, and of reads while others wrote: percent, and the bound."""
    for network in table_runs.networks:
        found = {row.label: _counts(table_runs.of(network, row.key)) for row in table_runs.rows}
        known = {label: layers for label, layers in found.items() if layers}
        for what, parts, notes in (
            ("updates lost", ("lost_updates", "overlapping_updates", "reads"), LOST),
            ("reads that saw half of an update", ("torn_reads", "overlapping_reads", "weight_reads"), TORN),
        ):
            rows = tuple(
                (label, *(_percent(*(of_layer[part] for part in parts)) for of_layer in layers.values()))
                for label, layers in known.items()
                if any(of_layer[part] for of_layer in layers.values() for part in parts[:2])
            )
            if rows:
                names = max(known.values(), key=len)
                yield Grid(f"{title_of(network)}: {what} (%), and at most", ("Method", *names), rows, notes)


def _counts(records: Sequence[Record]) -> Counts:
    """Sums over the runs; empty where they do not have the same layers, or none of these counts."""
    per_run = [{str(layer.get("layer")): layer for layer in _layers(record)} for record in records]
    per_run = [layers for layers in per_run if layers]
    if not per_run or any(list(layers) != list(per_run[0]) for layers in per_run):
        return {}
    return {name: {part: sum(layers[name][part] for layers in per_run) for part in PARTS} for name in per_run[0]}


def _layers(record: Record) -> list[Mapping[str, Any]]:
    """Layers with all of the counts as finite numbers; records of earlier versions have none."""
    lines = (record.end or {}).get("staleness") or ()
    return [line for line in lines if all(math.isfinite(line.get(part, math.nan)) for part in PARTS)]


def _percent(count: float, bound: float, whole: float) -> str:
    """The bound is said where it lies above."""
    share, most = (100 * value / max(1, whole) for value in (count, bound))
    return f"{share:.3g} (≤ {most:.3g})" if most > share else f"{share:.3g}"
