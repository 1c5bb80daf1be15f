"""The split of a time: how much of a speed-up comes of fewer epochs, and how much of faster ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.workloads.networks.names import TITLES
from reports.site.pages import Grid
from reports.speedups import SpeedupSplit, split
from results import tables
from results.tables import ResultTable

Splits = dict[tuple[str, str, str], tuple[str, list[SpeedupSplit]]]
"""(network's title, "measured" or "published", what was reached) -> the reference and the splits."""


def splits(table: ResultTable) -> Splits:
    """Of every network where two rows have both seconds and epochs, as measured and as published."""
    found: Splits = {}
    for event in ("target", "best"):
        found_at = [index for index, measure in enumerate(table.measures) if measure.event == event]
        at = sorted(found_at, key=lambda index: not table.measures[index].time)  # seconds, then epochs
        if len(at) != 2:
            continue
        for network in table.networks:
            for side in ("measured", "published"):
                rows = [row for row in table.rows if row.network == network]
                means = {row.method_label: [_mean(row.cells[index], side) for index in at] for row in rows}
                values = {label: (t, e) for label, (t, e) in means.items() if t and e and math.isfinite(t + e)}
                if len(values) > 1:
                    found[TITLES[network], side, event] = split(values)
    return found


def _mean(cell: tables.ResultCell, side: str) -> float | None:
    value = cell.measured if side == "measured" else cell.published
    return value.mean if value is not None else None


def grid(network: str, side: str, what: str, reference: str, found: Sequence[SpeedupSplit]) -> Grid:
    """One of `splits` as a table."""
    headers = ("Method", "Seconds", "Epochs", "Seconds per epoch", "Speed-up", "by epochs", "by seconds per epoch")
    rows = []
    for one in found:
        share = one.share_of_epochs
        parts = [f"× {one.by_epochs:.2f}", f"× {one.by_seconds:.2f}"]
        if share is not None:
            parts = [f"{parts[0]} ({share:.0f} %)", f"{parts[1]} ({100 - share:.0f} %)"]
        numbers = f"{one.seconds:.4g}", f"{one.epochs:.3g}", f"{one.seconds_per_epoch:.3g}", f"× {one.speedup:.2f}"
        rows.append((one.label, *numbers, *parts))
    return Grid(f"{network}, {side}: time to {what}, beside the slowest, {reference}", headers, tuple(rows))
