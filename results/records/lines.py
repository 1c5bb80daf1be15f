"""Parses and writes the lines of a journal: strict JSON objects that end in a checksum.

Checksums are chained: each covers all lines from the first to its own, so a line of another run does not fit. The first
line then has a `format`. Journals of earlier versions have none: each of their lines has a checksum of its own
(`crc32`), or no line has one. The first line decides for all.

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
"""Format of journals with chained checksums."""
CHAIN, CHECKSUM = "chain", "crc32"
"""Last field of a line: a CRC-32 in 8 hexadecimal digits, of all lines until there, or of its own line.

It detects every burst of errors up to 32 bits. It is no signature: anybody can compute it.
"""
DEEPEST = 32
"""Most levels of nesting in a line; a run's lines have seven."""

_SUMMED = {
    name: re.compile(rb'(.*),"' + name.encode() + rb'":"([0-9a-f]{8})"\}', re.DOTALL) for name in (CHAIN, CHECKSUM)
}
_NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_TEXT = frozenset({"type", "status", "reason", "layer", "ended"})


def render(line: Mapping[str, Any]) -> bytes:
    """Returns the line with a checksum of its own, without a newline."""
    return _with_checksum(line, CHECKSUM, 0)[0]


def chained(lines: Iterable[Mapping[str, Any]], before: int = 0) -> tuple[bytes, int]:
    """Returns a journal's lines with chained checksums and newlines, and the last checksum.

    before: checksum of the preceding line; 0 for the first.
    """
    parts = []
    for line in lines:
        part, before = _with_checksum(line, CHAIN, before)
        parts.append(part + b"\n")
    return b"".join(parts), before


def parse(line: bytes) -> dict[str, Any]:
    """Parses a line that has a checksum of its own. Raises ValueError where the line is damaged."""
    value = _parsed(line)
    _check(line, value, CHECKSUM)
    return value


class Reader:
    """Parses the lines of one journal in order."""

    def __init__(self) -> None:
        self._rule: str | None = None  # name of the checksums' field, once the first line is read; "": none
        self._before = 0

    @property
    def chained(self) -> bool:
        """Whether the lines have chained checksums, which prove that they belong together."""
        return self._rule == CHAIN

    def parse(self, line: bytes) -> dict[str, Any]:
        """Parses the next line, without its checksum.

        Text that no file can hold (bytes on a command line that are not UTF-8) is escaped, as "\\udcff".

        Raises:
            ValueError: the line is not a JSON object, was changed, or is not the next line of this journal.
        """
        value = _parsed(line)
        rule = _rule(value) if self._rule is None else self._rule
        before = _check(line, value, rule, self._before)
        self._rule, self._before = rule, before if rule == CHAIN else 0
        return value


def _rule(first: Mapping[str, Any]) -> str:
    """Name of the checksum field; "" if there is none. Raises ValueError for no first line, or a newer format."""
    if first.get("type") != "run":
        raise ValueError("the first line must be the run")
    if "format" not in first and CHAIN not in first:
        return CHECKSUM if CHECKSUM in first else ""
    if first.get("format") != FORMAT:
        raise ValueError(f"it was changed, or is newer: its format is {first.get('format')}, and {FORMAT} is known")
    return CHAIN


def _check(line: bytes, value: dict[str, Any], rule: str, before: int = 0) -> int:
    """Removes the checksum from the value -> the checksum, 0 for none. Raises ValueError where it is wrong."""
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
    """Escapes all text of a value. Raises ValueError for NaN, too large numbers and deep nesting."""
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
    """Returns the value for strict JSON: floats that are not finite become "NaN", "Infinity" and "-Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return value


def thaw(value: Any) -> Any:
    """Undoes `strict`: turns its strings into floats again, except in text fields."""
    if isinstance(value, dict):
        return {key: item if key in _TEXT else thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value
