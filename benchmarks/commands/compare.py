"""`compare A B`: compares two sets of runs cell by cell: what changed, and whether it is noise."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.commands.compare_screen import show
from benchmarks.commands.compare_sides import Side, as_values, forms, side
from benchmarks.commands.screen import say
from results import comparison
from results.comparison import ComparedCell, Comparison
from results.comparison.changes import Change
from results.files import replace
from results.records import of_rows
from results.spreadsheets import cell
from results.statistics.intervals import LEVEL

COLUMNS = (
    "group network row measure a_mean a_std a_n b_mean b_std b_n difference low high level ratio p pairs "
    "common_seeds identical_seeds verdict why settings context incidents"
).split()


def compare(first: Path, second: Path, console: Console, csv: Path | None = None, *, every: bool = False) -> int:
    """Prints what changed from A to B, and writes every measure of every cell to `csv` if given -> the exit code 0.

    A and B are folders of results (--out), a folder with a word that chooses among its runs (out@small, out@threads,
    out@f14cd69: a scale, executor, hardware, torch or commit), a reproduction's CSV, or a committed one's name. every:
    print all cells that differ, even where they are many.

    Raises:
        UserError: there is no such folder or reproduction, or it has no runs.
        ResultsError: a file cannot be read, or the CSV cannot be written.
    """
    a, b, differences = compared(side(first), side(second))
    show(a, b, differences, console, every=every)
    if csv is not None:
        replace(csv, to_csv(differences).encode())
        say(console, f"Written: {csv}", style="dim")
    return 0


def compared(a: Side, b: Side) -> tuple[Side, Side, Comparison]:
    """Compares two sides: runs, or values where one of them has no runs -> both as they were compared, and how.

    Raises UserError where a folder has no tables to be compared with values, ResultsError where a file is broken.
    """
    if a.values or b.values:
        a, b = as_values(a, b), as_values(b, a)
        return a, b, comparison.compare_values(a.values, b.values)
    return a, b, comparison.compare_runs(of_rows(a.records), of_rows(b.records), forms())


def to_csv(comparison_made: Comparison) -> str:
    """Returns one line per cell and measure, then one per row that only A or only B has; floats in full."""
    text = io.StringIO()
    writer = csv_module.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_safe, lines(comparison_made)))
    return text.getvalue()


def lines(comparison_made: Comparison) -> Iterator[dict[str, Any]]:
    """Yields lines by the names of COLUMNS: one per cell and measure, then one per row that only A or only B has."""
    for compared_cell in comparison_made.cells:
        yield from (_line(compared_cell, change) for change in compared_cell.changes)
    for lone in comparison_made.alone:
        subject = {"group": lone.group, "network": lone.network, "row": lone.row}
        yield {**subject, "verdict": f"only in {lone.side}", "why": lone.why}


def _safe(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: cell(value) for name, value in line.items()}


def _line(cell_compared: ComparedCell, change: Change) -> dict[str, Any]:
    return {
        **{name: getattr(cell_compared, name) for name in ("group", "network", "row", "incidents")},
        **{f"a_{name}": getattr(change.first, name) for name in ("mean", "std", "n")},
        **{f"b_{name}": getattr(change.second, name) for name in ("mean", "std", "n")},
        **{name: getattr(change, name) for name in "measure difference low high ratio p pairs verdict why".split()},
        "level": LEVEL,
        "common_seeds": cell_compared.common,
        "identical_seeds": cell_compared.identical,
        "settings": "; ".join(map(str, cell_compared.settings)),
        "context": "; ".join(map(str, cell_compared.context)),
    }
