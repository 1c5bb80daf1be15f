"""Files that reading does not come to an end of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Make = Callable[[Path], None]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    """A sparse file of a terabyte."""
    with path.open("wb") as file:
        file.truncate(2**40)


NO_END = [(pipe, "no regular file"), (zeros, "no regular file"), (huge, "more than [0-9,]+ bytes")]
endless = pytest.mark.parametrize(("make", "words"), NO_END)
