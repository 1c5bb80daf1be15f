"""Writes files atomically, and only inside the folder of results."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from results.errors import ResultsError
from results.reading import Unfit

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO)


def own_folder(root: Path, folder: Path) -> Path:
    """Returns the folder after checking that it lies below `root` with no link in between.

    Raises ResultsError otherwise, so that no file outside the folder of results is changed.
    """
    place = root
    for part in folder.relative_to(root).parts if folder.is_relative_to(root) else ("..",):
        place = place / part
        if part == ".." or place.is_symlink():
            why = "leads out of it" if part == ".." else "is a link, and what links lead to is not changed"
            raise ResultsError(f"{place} {why}: move it away, or choose another --out.")
    return folder


def unwritable(path: Path, error: OSError, then: str = "") -> ResultsError:
    """Returns the error for a file that cannot be written, with advice. then: end of the sentence."""
    reason = error.strerror or str(error)
    advice = "choose another --out"
    if isinstance(error, Unfit) or error.errno in _IN_THE_WAY:
        advice = f"move away what is at {error.filename2 or error.filename or path}, or {advice}"
    elif error.errno in _FULL:
        advice = f"make room or {advice}"
    return ResultsError(f"{path} cannot be written ({reason}); {advice}{then}.")


def replace(path: Path, data: bytes) -> None:
    """Writes a file atomically; creates its folder if missing.

    Raises ResultsError where the folder cannot be written or the disk is full.
    """
    with atomic_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file that becomes `path` when the block ends without an exception.

    Creates the folder if missing. Raises ResultsError where the folder cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def move_into(path: Path, folder: Path) -> Path:
    """Moves a file into a folder, replacing one of the same name -> its new path. Creates the folder if missing.

    Raises ResultsError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(path, folder / path.name)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder / path.name


def set_aside(path: Path, word: str) -> None:
    """Renames a file to NAME.WORD-1, or the next free number. Raises OSError where the folder cannot be written."""
    number = 1
    while os.path.lexists(renamed := path.with_name(f"{path.stem}.{word}-{number}{path.suffix}")):
        number += 1
    os.replace(path, renamed)
