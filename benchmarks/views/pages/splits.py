"""The split of a time: how much of a speed-up comes of fewer epochs, and how much of faster ones."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.workloads.networks.names import title_of
from reports.site.pages import Grid
from reports.speedups import FACTORS, FactorName, SpeedupSplit, Splits, TimedRuns, split
from results.tables import ResultRow, ResultTable

INTERVALS = (
    "In brackets: 95 % intervals of the ratios of means (Student's t on their logarithms); in parentheses: the share "
    "of the speed-up's logarithm."
)


def splits(table: ResultTable) -> Splits:
    """Splits of every network where two rows have both seconds and epochs, as measured and as published."""
    found: Splits = {}
    for event in ("target", "best"):
        found_at = [index for index, measure in enumerate(table.measures) if measure.event == event]
        at = sorted(found_at, key=lambda index: not table.measures[index].time)  # seconds, then epochs
        if len(at) != 2:
            continue
        for network in table.networks:
            rows = [row for row in table.rows if row.network == network]
            measured = {row.method_label: _measured(row, at) for row in rows}
            theirs = {row.method_label: [row.cells[index].published for index in at] for row in rows}
            published = {label: _runs([one.mean if one else None for one in its]) for label, its in theirs.items()}
            for side, of_rows in (("measured", measured), ("published", published)):
                usable = {label: runs for label, runs in of_rows.items() if runs is not None and runs.known}
                if len(usable) > 1:
                    found[title_of(network), side, event] = split(usable)
    return found


def _measured(row: ResultRow, at: Sequence[int]) -> TimedRuns | None:
    """A row's seconds and epochs, run by run where all runs got there."""
    cells = [row.cells[index].measured for index in at]
    seconds, epochs = (row.cells[index].runs.bracketed for index in at)
    pairs = list(zip(seconds.latest, epochs.latest, strict=False))
    before = list(zip(seconds.earliest, epochs.earliest, strict=False))
    widths = [(t - t0, e - e0) for (t, e), (t0, e0) in zip(pairs, before, strict=True)]
    return _runs([cell.mean if cell is not None else None for cell in cells], pairs, widths)


def _runs(
    means: Sequence[float | None],
    per_run: Sequence[tuple[float, float]] = (),
    widths: Sequence[tuple[float, float]] = (),
) -> TimedRuns | None:
    seconds, epochs = means
    return TimedRuns(seconds, epochs, per_run, widths) if seconds is not None and epochs is not None else None


def grid(network: str, side: str, what: str, reference: str, found: Sequence[SpeedupSplit]) -> Grid:
    """One of `splits` as a table."""
    headers = ("Method", "Seconds", "Epochs", "Seconds per epoch", "Speed-up", "by epochs", "by seconds per epoch")
    rows = []
    for one in found:
        share = one.share_of_epochs
        shares = ("", "", "") if share is None else ("", f" ({share:.0f} %)", f" ({100 - share:.0f} %)")
        factors = [f"{_times(one, name)}{part}" for name, part in zip(FACTORS, shares, strict=True)]
        rows.append((one.label, f"{one.seconds:.4g}", f"{one.epochs:.3g}", f"{one.seconds_per_epoch:.3g}", *factors))
    notes = (INTERVALS,) if any(one.intervals for one in found) else ()
    return Grid(f"{network}, {side}: time to {what}, beside the slowest, {reference}", headers, tuple(rows), notes)


def _times(one: SpeedupSplit, name: FactorName) -> str:
    """'× 1.81 [1.70, 1.93]'."""
    factor = one.factor(name)
    interval = f" [{factor.interval.low:.2f}, {factor.interval.high:.2f}]" if factor.interval is not None else ""
    return f"× {factor.value:.2f}{interval}".replace("inf", "∞")
