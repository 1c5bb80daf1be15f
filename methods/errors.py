"""Errors that a user of the methods can correct, and sentences for unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MethodError(Exception):
    """A method's name, option or plug-in is wrong; the text says how to correct it."""


def unknown(kind: str, name: str, choices: Iterable[str], *, otherwise: str = "") -> str:
    """Returns a sentence about an unknown name that offers the nearest names, or all of them.

    otherwise: what it offers instead of all of them.

    unknown("method", "asynclu", ["async_lu", "bp"])  # "Unknown method 'asynclu': did you mean async_lu?"
    """
    choices = list(choices)
    near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    offer = f"did you mean {' or '.join(near)}?" if near else otherwise or f"there are {', '.join(choices)}."
    return f"Unknown {kind} '{name}': {offer}"


def unknown_method(name: str, choices: Iterable[str]) -> str:
    """Returns the sentence of `unknown` for a method, followed by how to load a method of one's own."""
    return f"{unknown('method', name, choices)} One of your own is loaded by --plugin FILE.py."
