"""Parses and writes names of rows, which consist of method and settings: "lapsgd@updaters=2,batch=128"."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from benchmarks.errors import UserError

SHORT = {"stem": "stem", "optimizer.name": "optimizer", "activations": "activations"}
"""Workload settings that are part of a row's name -> their short names there."""
FIELDS = {name: field for field, name in SHORT.items()}
WORKLOAD = "workload."
"""Prefix of other workload settings in a row's name."""
OF_THE_TABLE = {
    "family": "the table decides on it; name another table",
    "network": "choose it with --network",
    "scale": "choose it with --scale",
}


def pieces(text: str) -> list[str]:
    """Splits at commas outside brackets: pieces("a,(1,2)")  # ["a", "(1,2)"]"""
    ends_of_pieces, depth = [], 0
    for position, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth <= 0:
            ends_of_pieces.append(position)
    ends = itertools.pairwise([-1, *ends_of_pieces, len(text)])
    return [text[before + 1 : end].strip() for before, end in ends]


def text_of(value: Any) -> str:
    """Returns a value as text in a name: 0.0 as "0", (1, 2) as "(1,2)"."""
    if isinstance(value, tuple | list):
        return f"({','.join(map(text_of, value))})"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def pairs(key: str) -> tuple[str, dict[str, str]]:
    """Splits a row's name into method and settings, as text. Raises UserError if it is no such name."""
    method, separator, text = key.partition("@")
    settings: dict[str, str] = {}
    for part in pieces(text) if separator else ():
        name, equals, value = (word.strip() for word in part.partition("="))
        if not (name and equals and value) or name in settings:
            raise UserError(f"{key}: write a row as method@option=value,option=value, each option once.")
        settings[name] = value
    return method.strip(), settings


def check_fields(names: Iterable[str]) -> None:
    """Raises UserError for a workload field that --set cannot change."""
    for name in names:
        if name in OF_THE_TABLE:
            raise UserError(f"workload.{name}: {OF_THE_TABLE[name]}.")


def is_of_workload(name: str) -> bool:
    """Whether a setting in a row's name may be the workload's; a method's option of that name takes precedence."""
    return name == "batch" or name in FIELDS or name.startswith(WORKLOAD)
