"""A result table as the files that are made of it."""

from __future__ import annotations

from pathlib import Path

from reports.latex import paper
from reports.tables.csv import to_csv
from reports.tables.markdown import to_markdown
from results.files import replace
from results.tables import ResultTable, files


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
