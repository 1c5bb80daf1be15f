"""Writes files whole or not at all, and only inside the folder of results."""

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
    """The folder, after a check that it lies below `root`, a folder of results, and that no folder between is a link.

    Raises ResultsError where it does not, or one is.
    """
    place = root
    for part in folder.relative_to(root).parts if folder.is_relative_to(root) else ("..",):
        place = place / part
        if part == ".." or place.is_symlink():
            why = "leads out of it" if part == ".." else "is a link, and what links lead to is not changed"
            raise ResultsError(f"{place} {why}: move it away, or choose another --out.")
    return folder


def unwritable(path: Path, error: OSError, then: str = "") -> ResultsError:
    """The error for a file that cannot be written, with what to do. then: the end of the sentence."""
    reason = error.strerror or str(error)
    mend = "choose another --out"
    if isinstance(error, Unfit) or error.errno in _IN_THE_WAY:
        mend = f"move away what is at {error.filename2 or error.filename or path}, or {mend}"
    elif error.errno in _FULL:
        mend = f"make room or {mend}"
    return ResultsError(f"{path} cannot be written ({reason}); {mend}{then}.")


def replace(path: Path, data: bytes) -> None:
    """Write the file whole, or not at all, in a folder that is made if need be.

    Raises ResultsError where the folder cannot be written, or the disk is full.
    """
    with whole(path) as file:
        file.write(data)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Gives a file to write to, in a folder that is made if need be; it becomes `path` unless the block raises.

    Raises ResultsError where the folder cannot be written, or the disk is full.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            half.unlink()
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def moved(path: Path, folder: Path) -> Path:
    """Move a file into a folder, which is made if need be, over one of its name; returns its new path.

    Raises ResultsError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(path, folder / path.name)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder / path.name


def set_aside(path: Path, word: str) -> None:
    """Rename a file to NAME.WORD-1, or the next free number. Raises OSError where the folder cannot be written."""
    number = 1
    while os.path.lexists(name := path.with_name(f"{path.stem}.{word}-{number}{path.suffix}")):
        number += 1
    os.replace(path, name)
