"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from results.errors import ResultsError


def replace(path: Path, data: bytes) -> None:
    """Write the file, in a folder that is made if need be: whole, or not at all.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResultsError(f"{path} cannot be written ({reason}); make room or choose another --out.") from error


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    # mkstemp makes private files; reports are as readable as any other file. The mask cannot be read without setting.
    mask = os.umask(0)
    os.umask(mask)
    return mask
