"""CSV files: read line by line, and with no text that a spreadsheet takes for a formula (OWASP, CSV injection)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from results.errors import ResultsError
from results.reading import TEXT_BYTES, content

Value = TypeVar("Value")

_BEGIN = ("=", "+", "-", "@", "\t", "\r")


def values(
    path: Path, parse: Callable[[dict[str, str], int], Value], what: str, columns: Sequence[str] = ()
) -> Iterator[Value]:
    """Values of a CSV, one a line.

    Args:
        parse: makes one of a line by column and of its number, the header's being 1; raises KeyError, TypeError or
            ValueError where it is none.
        what: a line is, in words.
        columns: that have to be there.

    Raises:
        ResultsError: the file cannot be read, or a line is none: the text names file and line.
    """
    try:
        reader = csv.DictReader(io.StringIO(content(path, TEXT_BYTES).decode("utf-8-sig"), newline=""))
        if lost := [name for name in columns if name not in (reader.fieldnames or ())]:
            wanted = ",".join(columns)
            raise ResultsError(f"{path}, line 1: there is no column {lost[0]}; the first line is {wanted}.")
        for row in reader:
            try:
                yield parse(row, reader.line_num)
            except (KeyError, TypeError, ValueError) as error:
                raise ResultsError(f"{path}, line {reader.line_num}: not {what} ({error}).") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{path} cannot be read ({error}).") from error


def cell(value: Any) -> Any:
    """The value as it is written: a text that begins as a formula does has an apostrophe more, a number has none."""
    return f"'{value}" if isinstance(value, str) and _is_taken(value) else value


def text_of(cell: str) -> str:
    """The text that was written so."""
    return cell[1:] if cell.startswith("'") and _is_taken(cell[1:]) else cell


def _is_taken(text: str) -> bool:
    """Whether it needs an apostrophe, as what would be read back as if it had one does; a sign alone needs none."""
    bare = text.lstrip("'")
    return len(bare) > 1 and bare.startswith(_BEGIN) and not _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
