"""The split of a time: how much of a speed-up comes from fewer epochs, and how much from faster ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.workloads.networks.names import title_of
from reports.figures import diagnostics
from reports.figures.queue import FigureQueue
from reports.site.pages import Grid, Picture
from reports.speedups import FACTORS, FactorName, SpeedupSplit, Splits, TimedRuns, split
from results.tables import ResultRow, ResultTable

HEADERS = ("Method", "Seconds", "Epochs", "Seconds per epoch", "Speed-up", "by epochs", "by seconds per epoch")
INTERVALS = (
    "In brackets: 95 % intervals of the ratios of means (Student's t on their logarithms); in parentheses: the share "
    "of the speed-up's logarithm."
)
CAPTION = (
    "Speed-up over the slowest method, as the product of fewer epochs and faster epochs (measured); lines: 95 % "
    "intervals of the ratios of means, where both methods have two runs."
)


def splits(table: ResultTable) -> Splits:
    """Splits of every network where two rows have both seconds and epochs, as measured and as published."""
    all_splits: Splits = {}
    for event in ("target", "best"):
        columns = [index for index, measure in enumerate(table.measures) if measure.event == event]
        columns.sort(key=lambda index: not table.measures[index].time)  # seconds, then epochs
        if len(columns) != 2:
            continue
        for network in table.networks:
            rows = [row for row in table.rows if row.network == network]
            for side, read in (("measured", _measured), ("published", _published)):
                runs = {row.method_label: read(row, columns) for row in rows}
                usable = {label: of for label, of in runs.items() if of is not None and of.known}
                if len(usable) > 1:
                    all_splits[title_of(network), side, event] = split(usable)
    return all_splits


def _measured(row: ResultRow, columns: Sequence[int]) -> TimedRuns | None:
    """A row's seconds and epochs, run by run where all runs arrived."""
    seconds, epochs = (row.cells[index].measured for index in columns)
    if seconds is None or epochs is None or seconds.mean is None or epochs.mean is None:
        return None
    times, counts = (row.cells[index].runs.bracketed for index in columns)
    pairs = list(zip(times.latest, counts.latest, strict=False))
    widths = list(zip(times.widths, counts.widths, strict=False))
    return TimedRuns(seconds.mean, epochs.mean, pairs, widths)


def _published(row: ResultRow, columns: Sequence[int]) -> TimedRuns | None:
    seconds, epochs = (row.cells[index].published for index in columns)
    return TimedRuns(seconds.mean, epochs.mean) if seconds is not None and epochs is not None else None


def grids(all_splits: Splits) -> Iterator[Grid]:
    """Yields each split as a table."""
    for (network, side, event), (reference, of_rows) in all_splits.items():
        rows = []
        for row in of_rows:
            share = row.share_of_epochs
            shares = ("", "", "") if share is None else ("", f" ({share:.0f} %)", f" ({100 - share:.0f} %)")
            factors = [f"{_times(row, name)}{part}" for name, part in zip(FACTORS, shares, strict=True)]
            rows.append(
                (row.label, f"{row.seconds:.4g}", f"{row.epochs:.3g}", f"{row.seconds_per_epoch:.3g}", *factors)
            )
        notes = (INTERVALS,) if any(row.intervals for row in of_rows) else ()
        caption = f"{network}, {side}: time to {event}, beside the slowest, {reference}"
        yield Grid(caption, HEADERS, tuple(rows), notes)


def _times(row: SpeedupSplit, name: FactorName) -> str:
    """'× 1.81 [1.70, 1.93]'."""
    factor = row.factor(name)
    interval = f" [{factor.interval.low:.2f}, {factor.interval.high:.2f}]" if factor.interval is not None else ""
    return f"× {factor.value:.2f}{interval}".replace("inf", "∞")


def draw(all_splits: Splits, subtitle: str, folder: Path, queue: FigureQueue) -> Iterator[Picture]:
    """Draws the measured splits into the folder, once the queue has finished."""
    panels = {
        f"{network}, time to {event}": of_rows
        for (network, side, event), (_, of_rows) in all_splits.items()
        if side == "measured"
    }
    if panels:
        title = f"What the time is made of, as measured\n({subtitle})"
        queue.draw(diagnostics.splits, panels, folder / "split", title=title)
        speedups = "; ".join(f"{row.label}, {panel}: {row.speedup:.2f}" for panel, of in panels.items() for row in of)
        alt = f"Dots of the factors; the speed-ups: {speedups}. The table has the factors."
        yield Picture(folder / "split", CAPTION, alt)
