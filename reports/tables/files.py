"""Writes a result table as files: JSON, tidy CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from reports.latex import paper
from reports.tables.texts import footer, glance_header, glance_lines, glance_title, header, lines, markdown
from results.files import replace
from results.spreadsheets import cell as safe
from results.tables import ResultTable, condition, files

MEASURED = "mean", "std", "n", "censored", "at_least", "resolution"
COLUMNS = (
    *"table network network_label row method measure published_mean published_std published_n".split(),
    *"measured_mean measured_std measured_n censored at_least resolution ratio reason target".split(),
    *condition.COLUMNS,
)


def write(table: ResultTable, folder: Path) -> tuple[Path, ...]:
    """Writes `<name>.json`, `.csv`, `.md` and `.tex`, each whole or not at all -> their paths.

    folder: of the condition, `table.conditions.folder(out / "tables")`.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    paths = [files.write(table, folder)]
    for ending, text in (("csv", to_csv(table)), ("md", to_markdown(table)), ("tex", str(paper.of(table)))):
        paths.append(folder / f"{table.name}.{ending}")
        replace(paths[-1], text.encode())
    return tuple(paths)


def to_csv(table: ResultTable) -> str:
    """Returns tidy CSV, one line per network, row and measure; floats in full, empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    conditions = [table.conditions.columns[name] for name in condition.COLUMNS]
    for row in table.rows:
        for measure, cell in zip(table.measures, row.cells, strict=True):
            names = [table.name, row.network, row.network_label, row.row, row.method_label, measure.key]
            published = [getattr(cell.published, name, None) for name in ("mean", "std", "n")]
            measured = [getattr(cell.measured, name, None) for name in MEASURED]
            rest = [cell.ratio, cell.reason, table.conditions.targets.get(row.network)]
            writer.writerow(map(safe, [*names, *published, *measured, *rest, *conditions]))
    return text.getvalue()


def to_markdown(table: ResultTable) -> str:
    """Returns the table as Markdown, with its captions and notes."""
    parts = [f"# {markdown(table.title)}", markdown(table.source), *map(markdown, table.captions)]
    for glance in table.glances:
        parts.append(f"**At a glance: {markdown(glance_title(glance))}**")
        parts.append(rows(glance_header(table, glance), glance_lines(glance)))
    parts.append(rows(header(table), lines(table), heads=2))
    if notes := "\n".join(f"- {markdown(note)}" for note in footer(table)):
        parts.append(notes)
    return "\n\n".join(parts) + "\n"


def rows(columns: Sequence[object], body: Iterable[Sequence[object]], heads: int = 1, *, numbers: bool = True) -> str:
    """Returns a Markdown table of any texts. heads: how many columns are names. numbers: whether the others are."""
    rule = ["---:" if numbers and place >= heads else "---" for place in range(len(columns))]
    texts = [map(markdown, columns), rule, *(map(markdown, row) for row in body)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)
