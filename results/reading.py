"""Reads regular files of bounded size, and JSON and TOML of bounded depth, so that no file can hang or fill memory."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_BYTES = 2**30
"""Size limit of records, which are far smaller."""
TEXT_BYTES = 2**25
"""Size limit of files written by hand."""
DEEPEST = 100
"""Most parts of a dotted key in TOML."""
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")


class Unfit(OSError):
    """A file is not a regular one, or is too large."""


def opened(path: Path, at_most: int) -> BufferedReader:
    """Opens a regular file for reading; reading a pipe or a device might never end.

    Raises OSError where it cannot be opened, and Unfit where it is not a regular file or has more than `at_most` bytes.
    """
    _check(path, os.stat(path), at_most)  # opening a device may already do something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _check(path, os.fstat(descriptor), at_most)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def content(path: Path, at_most: int) -> bytes:
    """Returns the bytes of a file. Raises as `opened`."""
    with opened(path, at_most) as file:
        data = file.read((os.fstat(file.fileno()).st_size or at_most) + 1)  # files of /proc have a size of 0
    if len(data) > at_most:
        raise _too_large(path, at_most)
    return data


def parsed_json(path: Path, at_most: int = MOST_BYTES) -> Any:
    """Parses a JSON file. Raises as `opened`, and ValueError for anything but JSON."""
    try:
        return json.loads(content(path, at_most))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def parsed_toml(text: str) -> dict[str, Any]:
    """Parses TOML. Raises ValueError for anything but TOML."""
    if any(key[0].count(".") > DEEPEST for key in _DOTTED.finditer(text)):  # tomllib's memory grows with the square
        raise ValueError("a key of it has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def first_mistake(error: ValidationError) -> str:
    """Returns a model's first mistake with its place: "rows.0.batch: Input should be a valid integer"."""
    mistake = error.errors()[0]
    return f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}"


def _check(path: Path, stat_result: os.stat_result, at_most: int) -> None:
    if not stat.S_ISREG(stat_result.st_mode):
        raise Unfit(errno.EINVAL, "it is no regular file", str(path))
    if stat_result.st_size > at_most:
        raise _too_large(path, at_most)


def _too_large(path: Path, at_most: int) -> Unfit:
    return Unfit(errno.EFBIG, f"it has more than {at_most:,} bytes", str(path))
