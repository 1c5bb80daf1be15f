"""Files that reading comes to an end of: regular ones, of a bounded size."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

MOST_BYTES = 2**30
"""What no record comes near."""


def opened(path: Path, at_most: int) -> BufferedReader:
    """A file to read, if it is a regular one: a pipe or a device may have nothing to read for ever, or no end.

    Raises OSError where it cannot be opened, is no regular file, or has more than `at_most` bytes.
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


def _check(path: Path, found: os.stat_result, at_most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if found.st_size > at_most:
        raise _too_large(path, at_most)


def _too_large(path: Path, at_most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {at_most:,} bytes", str(path))
