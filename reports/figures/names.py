"""Names as pictures show them."""

from __future__ import annotations

from reports.tables.texts import printable


def drawable(label: str) -> str:
    """A label as matplotlib shows it literally: no mathematics, no control characters, not hidden from legends."""
    text = printable(label).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
