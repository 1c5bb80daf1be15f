"""Files that are whole or not there, and written nowhere but where they are meant to be."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from results.errors import ResultsError
from results.reading import Unfit

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO)


def own_folder(root: Path, folder: Path) -> Path:
    """The folder, to write into or to remove from: on the way from `root`, a folder of results, no link is followed.

    Raises:
        ResultsError: a folder below `root` is a link, or the folder is not below it.
    """
    place = root
    for part in folder.relative_to(root).parts if folder.is_relative_to(root) else ("..",):
        place = place / part
        if part == ".." or place.is_symlink():
            why = "leads out of it" if part == ".." else "is a link, and what links lead to is not changed"
            raise ResultsError(f"{place} {why}: move it away, or choose another --out.")
    return folder


def unwritable(path: Path, error: OSError, then: str = "") -> ResultsError:
    """A sentence on a file that cannot be written, and what to do about it. then: what follows that."""
    reason = error.strerror or str(error)
    mend = "choose another --out"
    if isinstance(error, Unfit) or error.errno in _IN_THE_WAY:
        mend = f"move away what is at {error.filename2 or error.filename or path}, or {mend}"
    elif error.errno in _FULL:
        mend = f"make room or {mend}"
    return ResultsError(f"{path} cannot be written ({reason}); {mend}{then}.")


def replace(path: Path, data: bytes) -> None:
    """Write the file, in a folder that is made if need be: whole, or not at all.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    with whole(path) as file:
        file.write(data)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, in a folder that is made if need be: `path` once the block has ended, nothing if it raises.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _renamed(path) as file:
            yield file
    except OSError as error:
        raise unwritable(path, error) from error


@contextlib.contextmanager
def _renamed(path: Path) -> Iterator[BinaryIO]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.{os.getpid()}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def moved(path: Path, folder: Path) -> Path:
    """The file in the folder, which is made if need be; it takes the place of one of its name.

    Raises:
        ResultsError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(path, folder / path.name)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder / path.name


def set_aside(path: Path, word: str) -> None:
    """Rename the file to NAME.WORD-1, or the next number that is free: what may be somebody's only trace stays.

    Raises OSError where the folder cannot be written.
    """
    number = 1
    while os.path.lexists(name := path.with_name(f"{path.stem}.{word}-{number}{path.suffix}")):
        number += 1
    os.replace(path, name)


def _umask() -> int:
    # mkstemp makes private files; reports are as readable as any other file. The mask cannot be read without setting.
    mask = os.umask(0)
    os.umask(mask)
    return mask
