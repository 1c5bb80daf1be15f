"""A result table as the files that are made of it: tidy CSV, Markdown and LaTeX beside its JSON."""

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
    """Write `<name>.json`, `.csv`, `.md` and `.tex` into the folder, each whole or not at all; gives their paths.

    folder: of the condition, `table.conditions.folder(out / "tables")`.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    written = files.write(table, folder)
    made = {"csv": to_csv(table), "md": to_markdown(table), "tex": str(paper.of(table))}
    for ending, text in made.items():
        replace(folder / f"{table.name}.{ending}", text.encode())
    return written, *(folder / f"{table.name}.{ending}" for ending in made)


def to_csv(table: ResultTable) -> str:
    """Tidy CSV, one line per network, row and measure; floats in full, empty where there is no value.

    Every line says of which condition it is.
    """
    said = table.conditions.columns
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table.rows:
        for measure, cell in zip(table.measures, row.cells, strict=True):
            paper, ours = cell.published, cell.measured
            names = [table.name, row.network, row.network_label, row.row, row.method_label, measure.key]
            published = [paper.mean, paper.std, paper.n] if paper else [None] * 3
            measured = [getattr(ours, name, None) for name in MEASURED]
            goal = table.conditions.targets.get(row.network)
            ends = [cell.ratio, cell.reason, goal, *(said[name] for name in condition.COLUMNS)]
            writer.writerow(map(safe, [*names, *published, *measured, *ends]))
    return text.getvalue()


def to_markdown(table: ResultTable) -> str:
    """The table as Markdown, with its captions and notes."""
    parts = [f"# {markdown(table.title)}", markdown(table.source), *map(markdown, table.captions)]
    for one in table.glances:
        parts.append(f"**At a glance: {markdown(glance_title(one))}**")
        parts.append(rows(glance_header(table, one), glance_lines(one)))
    parts.append(rows(header(table), lines(table), heads=2))
    if notes := "\n".join(f"- {markdown(note)}" for note in footer(table)):
        parts.append(notes)
    return "\n\n".join(parts) + "\n"


def rows(columns: Sequence[object], body: Iterable[Sequence[object]], heads: int = 1, *, numbers: bool = True) -> str:
    """A table of any texts, without a caption. heads: how many columns are names; numbers: whether the others are."""
    rule = ["---:" if numbers and place >= heads else "---" for place in range(len(columns))]
    texts = [map(markdown, columns), rule, *(map(markdown, row) for row in body)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)
