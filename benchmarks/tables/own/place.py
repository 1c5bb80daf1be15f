"""Places of mistakes in a table's file."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.errors import UserError


class Place(UserError):
    """An error in a file, with its line."""

    def __init__(self, path: Path, line: int | None, what: object) -> None:
        super().__init__(f"{path}{f', line {line}' if line else ''}: {what}")


def line_of(text: str, key: str) -> int | None:
    """Number of the first line that sets a key, or opens a table of that name."""
    found = re.search(rf"^[ \t]*(\[*{re.escape(key)}\]+|{re.escape(key)}[ \t]*[=.])", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else None


def lines_of_rows(text: str) -> list[int]:
    """Line number of each row's [[rows]], from 1."""
    row = re.compile(r"[ \t]*\[\[[ \t]*rows[ \t]*\]\]")
    return [number for number, line in enumerate(text.split("\n"), start=1) if row.match(line)]


def line_of_row(text: str, number: int) -> int | None:
    """Line number of the [[rows]] of that number, counted from 0; None where there is none."""
    return next(iter(lines_of_rows(text)[number:]), None)
