"""The lines of a journal: strict JSON objects, each with a checksum at its end.

The checksums of a journal are chained: each covers all lines up to its own, from the first, so that no line of another
run fits. The first line says so by its `format`. Journals of earlier versions have no `format`: each of their lines has
a checksum of its own (`crc32`), or none. The first line decides for all.

Strict JSON has no NaN: floats that are not finite are written as the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

FORMAT = 2
"""Format of journals whose checksums are chained."""
CHAIN, CHECKSUM = "chain", "crc32"
"""Last field of a line: eight hexadecimal digits, a CRC-32 of what stands before it, in all lines or in its own.

It detects every burst of errors up to 32 bits. It is no signature: anybody can compute it.
"""
DEEPEST = 32
"""Levels of nesting that a line may have; those of a run have seven."""

_SUMMED = {
    name: re.compile(rb'(.*),"' + name.encode() + rb'":"([0-9a-f]{8})"\}', re.DOTALL) for name in (CHAIN, CHECKSUM)
}
_NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_TEXT = frozenset({"type", "status", "reason", "layer", "ended"})


def render(line: Mapping[str, Any]) -> bytes:
    """The line with a checksum of its own, without a newline."""
    return _with_checksum(line, CHECKSUM, 0)[0]


def chained(lines: Iterable[Mapping[str, Any]], before: int = 0) -> tuple[bytes, int]:
    """A journal's lines with their checksums and newlines, and the last checksum.

    before: the checksum of the line before them; 0 where the first is the run's.
    """
    parts = []
    for line in lines:
        part, before = _with_checksum(line, CHAIN, before)
        parts.append(part + b"\n")
    return b"".join(parts), before


def parse(line: bytes) -> dict[str, Any]:
    """The object of a line that has a checksum of its own, without it. Raises ValueError where the line is damaged."""
    value = _parsed(line)
    _check(line, value, CHECKSUM)
    return value


class Reader:
    """Reads the lines of one journal in their order."""

    def __init__(self) -> None:
        self._rule: str | None = None  # name of the checksums' field, once the first line is read; "": none
        self._before = 0

    @property
    def chained(self) -> bool:
        """Whether the checksums show that the lines belong together."""
        return self._rule == CHAIN

    def parse(self, line: bytes) -> dict[str, Any]:
        """The object of the next line, without its checksum.

        Text that no file can hold (a command line of strange bytes) is escaped, as "\\udcff".

        Raises:
            ValueError: it is no JSON object, it was changed, or it is not the next line of this journal.
        """
        value = _parsed(line)
        rule = _rule(value) if self._rule is None else self._rule
        before = _check(line, value, rule, self._before)
        self._rule, self._before = rule, before if rule == CHAIN else 0
        return value


def _rule(first: Mapping[str, Any]) -> str:
    """Name of the checksums' field; "" where there are none. Raises ValueError for no first line, or a newer format."""
    if first.get("type") != "run":
        raise ValueError("the first line must be the run")
    if "format" not in first and CHAIN not in first:
        return CHECKSUM if CHECKSUM in first else ""
    if first.get("format") != FORMAT:
        raise ValueError(f"it was changed, or is newer: its format is {first.get('format')}, and {FORMAT} is known")
    return CHAIN


def _check(line: bytes, value: dict[str, Any], rule: str, before: int = 0) -> int:
    """Remove the checksum from the value and return it, 0 for none. Raises ValueError where it is wrong."""
    if {CHAIN, CHECKSUM} & value.keys() != ({rule} if rule else set()):
        raise ValueError("it was changed: its checksum is another, or gone")
    if not rule:
        return 0
    del value[rule]
    parts = _SUMMED[rule].fullmatch(line)
    if parts is None or int(parts[2], 16) != zlib.crc32(parts[1], before):
        why = "it was changed, or it is another run's" if rule == CHAIN else "it was changed"
        raise ValueError(f"{why}: its checksum is another")
    return int(parts[2], 16)


def _with_checksum(line: Mapping[str, Any], name: str, before: int) -> tuple[bytes, int]:
    data = json.dumps(strict(line), separators=(",", ":"), allow_nan=False).encode()[:-1]
    checksum = zlib.crc32(data, before)
    return data + f',"{name}":"{checksum:08x}"}}'.encode(), checksum


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = _plain(json.loads(line.decode()), DEEPEST)
    except RecursionError:
        raise ValueError(f"more than {DEEPEST} levels of nesting") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _plain(value: Any, levels: int) -> Any:
    """The value, its text escaped. Raises ValueError for numbers that are too large or NaN, and for deep nesting."""
    if levels < 0:
        raise ValueError(f"more than {DEEPEST} levels of nesting")
    if isinstance(value, dict):
        return {_plain(key, 0): _plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, levels - 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not strict JSON, or too large for a number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("an integer is too large")
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def strict(value: Any) -> Any:
    """The value for strict JSON: floats that are not finite become "NaN", "Infinity" and "-Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return value


def thaw(value: Any) -> Any:
    """The value with the strings of `strict` turned back into floats, except in fields of text."""
    if isinstance(value, dict):
        return {key: item if key in _TEXT else thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value
