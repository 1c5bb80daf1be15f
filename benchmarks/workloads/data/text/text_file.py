"""Reads a whole file of UTF-8 text."""

from __future__ import annotations

from pathlib import Path

from benchmarks.errors import UserError
from results import reading

ALL_BYTES = 2**28
"""Most bytes of a text, or of all texts, of one's own."""


def read(path: Path) -> str:
    """Returns the text. Raises UserError where the file cannot be read, is too large, empty, or not UTF-8."""
    try:
        content = reading.content(path, ALL_BYTES)
    except OSError as error:
        raise UserError(f"The text {path} cannot be read ({error}): put a sound one there.") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"The text {path} is not UTF-8 (byte {error.start + 1} is {content[error.start]:#04x}): convert it, or put "
            "a sound one there."
        ) from error
    if not text:
        raise UserError(f"The text {path} is empty: put one there.")
    return text
