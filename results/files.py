"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from results.errors import ResultsError


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
        reason = error.strerror or str(error)
        raise ResultsError(f"{path} cannot be written ({reason}); make room or choose another --out.") from error


@contextlib.contextmanager
def _renamed(path: Path) -> Iterator[BinaryIO]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
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
        raise ResultsError(f"{folder} cannot be written ({error.strerror}); choose another --out.") from error
    return folder / path.name


def set_aside(path: Path, word: str) -> None:
    """Rename the file to NAME.WORD-1, or the next number that is free: what may be somebody's only trace stays.

    Raises OSError where the folder cannot be written.
    """
    number = 1
    while (name := path.with_name(f"{path.stem}.{word}-{number}{path.suffix}")).exists():
        number += 1
    os.replace(path, name)


def _umask() -> int:
    # mkstemp makes private files; reports are as readable as any other file. The mask cannot be read without setting.
    mask = os.umask(0)
    os.umask(mask)
    return mask
