"""Files that reading comes to an end of: regular ones, of a bounded size, and JSON and TOML of a bounded depth."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
from io import BufferedReader
from pathlib import Path
from typing import Any

MOST_BYTES = 2**30
"""A bound that no record comes near."""
TEXT_BYTES = 2**25
"""A bound that no file written by hand comes near."""
DEEPEST = 100
"""Parts of a dotted key of TOML."""
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")


class Unfit(OSError):
    """A file that is not read, since it is no regular one, or has too many bytes."""


def opened(path: Path, at_most: int) -> BufferedReader:
    """A file to read, if it is a regular one: a pipe or a device may have nothing to read for ever, or no end.

    Raises OSError where it cannot be opened, and Unfit where it is no regular file or has more than `at_most` bytes.
    """
    _check(path, os.stat(path), at_most)  # a device is not even opened
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        _check(path, os.fstat(descriptor), at_most)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def content(path: Path, at_most: int) -> bytes:
    """All of the file. Raises OSError as `opened` does."""
    with opened(path, at_most) as file:
        found = file.read((os.fstat(file.fileno()).st_size or at_most) + 1)  # some of /proc say that they have no size
    if len(found) > at_most:
        raise _too_large(path, at_most)
    return found


def parsed_json(path: Path, at_most: int = MOST_BYTES) -> Any:
    """Parse the file as JSON. Raises OSError as `opened` does, ValueError where it is no JSON."""
    try:
        return json.loads(content(path, at_most))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def parsed_toml(text: str) -> dict[str, Any]:
    """Parse the text as TOML. Raises ValueError where it is none."""
    if any(found[0].count(".") > DEEPEST for found in _DOTTED.finditer(text)):  # tomllib takes its square in memory
        raise ValueError("a key of it has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _check(path: Path, found: os.stat_result, at_most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Unfit(errno.EINVAL, "it is no regular file", str(path))
    if found.st_size > at_most:
        raise _too_large(path, at_most)


def _too_large(path: Path, at_most: int) -> Unfit:
    return Unfit(errno.EFBIG, f"it has more than {at_most:,} bytes", str(path))
