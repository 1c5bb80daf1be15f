"""Caches what was made of data, as arrays in .npz files, each with its sha256.

A damaged file is made anew; a cache that cannot be written costs time, and is no error.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import REVIEW_FOLDERS, cache_folder
from results.errors import ResultsError
from results.files import atomic_file
from results.reading import opened

Arrays = dict[str, NDArray[Any]]
Content = TypeVar("Content")
MOST_BYTES = 2**30
"""A bound of a file; IMDb's tokens have some 50 MB."""


def load_or_make(path: Path, make: Callable[[], Arrays], *, most_bytes: int = MOST_BYTES) -> Arrays:
    """Returns the arrays in the file; where it is missing or damaged, those that `make` returns, and stores them."""
    arrays = load(path, most_bytes)
    if arrays is None:
        arrays = make()
        content: Any = {**arrays, "sha256": np.frombuffer(_digest(arrays), np.uint8)}
        with suppress(ResultsError), atomic_file(path) as file:
            np.savez(file, **content)
    return arrays


def load_or_read(
    path: Path,
    read: Callable[[], Content],
    convert: Callable[[Content], Arrays],
    *,
    card: DataCard,
    source: Path | None,
    named: bool,
) -> Arrays:
    """Returns the arrays in the file without opening their source, if it was read before, unchanged.

    Otherwise reads the source, and returns the arrays in the file or those made of the source. An empty file, named by
    the source's names, sizes and times, marks that it was read.

    Args:
        read: reads and checks the source; raises UserError where it is missing or wrong.
        convert: makes arrays of it.
        source: a file, or a folder of reviews; None where no source was found: the cache is used all the same, unless
            the user named where to look (named).
    """
    mark = cache_folder() / "text" / f"{_state(card, source)}.read" if source else None
    if (os.path.exists(mark) if mark else not named) and (arrays := load(path)) is not None:
        return arrays
    content = read()
    arrays = load_or_make(path, lambda: convert(content))
    if mark:
        with suppress(OSError):
            mark.touch()
    return arrays


def load(path: Path, most_bytes: int = MOST_BYTES) -> Arrays | None:
    """Returns the stored arrays; None where the file is missing or not as it was written."""
    try:
        # np.load leaves a damaged file open that it opened itself.
        with opened(path, most_bytes) as stream, np.load(stream, allow_pickle=False) as file:
            arrays = dict(file)
        return arrays if arrays.pop("sha256").tobytes() == _digest(arrays) else None
    except Exception:  # whatever a damaged file makes zipfile and NumPy raise
        return None


def _digest(arrays: Arrays) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.digest()


def _state(card: DataCard, source: Path) -> str:
    """Returns a digest of a source's names, sizes and times, 32 hexadecimal digits; opens no file."""
    folder, names, lines = source.parent, [source.name], list[str]()
    with suppress(OSError):  # what cannot be opened is named when it is read
        if source.is_dir():
            folder = source
            names = [f"{inner}/{name}" for inner in REVIEW_FOLDERS for name in os.listdir(source / inner)]
        for name in names:
            status = os.stat(os.path.join(folder, name))
            lines.append(f"{name} {status.st_size} {status.st_mtime_ns}\n")
    text = f"{card.fingerprint} {os.path.realpath(source)}\n{''.join(sorted(lines))}"
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:32]
