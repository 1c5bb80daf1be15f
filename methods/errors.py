"""Errors that a user of the methods can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MethodError(Exception):
    """A method's name, option or plug-in is wrong; the text says what to do."""


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Returns a sentence that offers the nearest names, or all of them.

    unknown("method", "asynclu", ["async_lu", "bp"])  # "Unknown method 'asynclu': did you mean async_lu?"
    """
    known = list(known)
    near = difflib.get_close_matches(given, known, n=3, cutoff=0.5)
    offer = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
    return f"Unknown {what} '{given}': {offer}"
