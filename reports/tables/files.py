"""A result table as the files that are made of it."""

from __future__ import annotations

from pathlib import Path

from reports.tables.csv import to_csv
from reports.tables.markdown import to_markdown
from results.files import replace
from results.tables import ResultTable, files


def write(table: ResultTable, folder: Path) -> tuple[Path, Path, Path]:
    """Write `<name>.json`, `.csv` and `.md` into the folder, each whole or not at all; gives their paths.

    folder: of the condition, `table.conditions.folder(out / "tables")`.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    written = files.write(table, folder)
    made = written.with_suffix(".csv"), written.with_suffix(".md")
    for path, text in zip(made, (to_csv(table), to_markdown(table)), strict=True):
        replace(path, text.encode())
    return written, *made
