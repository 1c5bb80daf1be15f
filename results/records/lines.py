"""The lines of a journal: strict JSON objects, each with a checksum at its end.

Lines of earlier versions have no checksum, and are read without. Strict JSON knows no NaN: floats that are not finite
are written as the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

CHECKSUM = "crc32"
"""The last field of a line: eight hexadecimal digits, of the bytes before it. Finds every burst of up to 32 bits."""
DEEPEST = 32
"""Levels of nesting that a line may have; those of a run have seven."""

_NAMED = f',"{CHECKSUM}":"'.encode()
_SUMMED = re.compile(rb'(.*),"crc32":"([0-9a-f]{8})"\}', re.DOTALL)
_NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_TEXT = frozenset({"type", "status", "reason", "layer", "ended"})


def render(line: Mapping[str, Any]) -> bytes:
    """The line with its checksum, and without its newline."""
    data = json.dumps(strict(line), separators=(",", ":"), allow_nan=False).encode()[:-1]
    return data + f',"{CHECKSUM}":"{zlib.crc32(data):08x}"}}'.encode()


def summed(lines: Iterable[bytes]) -> bool:
    """Whether any of a journal's lines has a checksum: then all of them have one."""
    return any(_NAMED in line for line in lines)


def parse(line: bytes, *, checked: bool = False) -> dict[str, Any]:
    """The object of a line, without its checksum. checked: it has to have one.

    Text that no file could hold (a command line of strange bytes) is spelt out, as "\\udcff". Raises ValueError.
    """
    parsers: dict[str, Any] = {"parse_constant": _refuse, "parse_float": _float, "parse_int": _int}
    try:
        value = _plain(json.loads(line.decode(), **parsers), DEEPEST)
    except RecursionError:
        raise ValueError(f"more than {DEEPEST} levels of nesting") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    if checked or CHECKSUM in value:
        value.pop(CHECKSUM, None)
        found = _SUMMED.fullmatch(line)
        if found is None or int(found[2], 16) != zlib.crc32(found[1]):
            raise ValueError("it was changed: its checksum is another, or gone")
    return value


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not strict JSON")


def _float(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is too large for a number")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (value := int(text)) < 2**63:
        raise ValueError(f"{text[:20]} is too large for a number")
    return value


def _plain(value: Any, levels: int) -> Any:
    if levels < 0:
        raise ValueError(f"more than {DEEPEST} levels of nesting")
    if isinstance(value, dict):
        return {_plain(key, 0): _plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, levels - 1) for item in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def strict(value: Any) -> Any:
    """The value as strict JSON takes it: floats that are not finite as the strings NaN, Infinity and -Infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return value


def thaw(value: Any) -> Any:
    """Turn the strings for floats that are not finite back, except where text is expected."""
    if isinstance(value, dict):
        return {key: item if key in _TEXT else thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value
