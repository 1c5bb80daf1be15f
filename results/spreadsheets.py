"""Text in a CSV that no spreadsheet takes for a formula: with an apostrophe before it (OWASP, CSV injection)."""

from __future__ import annotations

from typing import Any

_BEGIN = ("=", "+", "-", "@", "\t", "\r")


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
