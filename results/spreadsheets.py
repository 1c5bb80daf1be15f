"""Reads and writes CSV files; no text of theirs can act as a spreadsheet formula (OWASP, CSV injection)."""

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
    """Reads a CSV -> a value per line.

    Args:
        parse: makes a value of a line's fields and its number (the header is line 1); raises KeyError, TypeError or
            ValueError for an invalid line.
        what: name of a value in messages, such as "a published value".
        columns: required columns.

    Raises:
        ResultsError: the file cannot be read or a line is invalid; the text names file and line.
    """
    try:
        reader = csv.DictReader(io.StringIO(content(path, TEXT_BYTES).decode("utf-8-sig"), newline=""))
        if lost := [name for name in columns if name not in (reader.fieldnames or ())]:
            header = ",".join(columns)
            raise ResultsError(f"{path}, line 1: there is no column {lost[0]}; the first line is {header}.")
        for row in reader:
            try:
                yield parse(row, reader.line_num)
            except (KeyError, TypeError, ValueError) as error:
                raise ResultsError(f"{path}, line {reader.line_num}: not {what} ({error}).") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{path} cannot be read ({error}).") from error


def cell(value: Any) -> Any:
    """Returns the value to write: an apostrophe goes before a text that looks like a formula."""
    return f"'{value}" if isinstance(value, str) and _is_taken(value) else value


def text_of(cell: str) -> str:
    """Returns the text that `cell` wrote."""
    return cell[1:] if cell.startswith("'") and _is_taken(cell[1:]) else cell


def _is_taken(text: str) -> bool:
    """Whether a text needs an apostrophe: it looks like a formula, or like one with apostrophes before it."""
    bare = text.lstrip("'")
    return len(bare) > 1 and bare.startswith(_BEGIN) and not _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
