"""Caches arrays in .npz files, each with its sha256, and remembers by marks which sources they were made from.

A mark is an empty file named by the source's names, sizes and times. So a source that changed is read again, and one
that did not is not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.text import imdb_places
from results.files import whole
from results.reading import opened

Arrays = dict[str, NDArray[Any]]
FOLDER = "text"
KEPT_BYTES = 2**30  # IMDb's tokens have some 50 MB
Cached = TypeVar("Cached")


def load_or_make(
    card: DataCard, place: Path | None, *, named: bool, load: Callable[[], Cached | None], make: Callable[[], Cached]
) -> Cached:
    """Returns what `load` gives if the source at `place` was read before, unchanged; else what `make` reads from it.

    place: None where no source was found: the cache is then used, unless the user had named where to look (named).
    """
    mark = cache_folder() / FOLDER / f"{_state(card, place)}.read" if place else None
    if (os.path.exists(mark) if mark else not named) and (cached := load()) is not None:
        return cached
    result = make()
    if mark:
        with suppress(OSError):
            mark.touch()
    return result


def load(path: Path, *names: str) -> Arrays | None:
    """Returns the arrays of these names that `store` wrote; None where the file is missing or not as it was written."""
    try:
        # np.load leaves a damaged file open that it opened itself.
        with opened(path, KEPT_BYTES) as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*names, "sha256")}
        return arrays if arrays.pop("sha256").tobytes() == _digest(arrays) else None
    except Exception:  # whatever a damaged file makes zipfile and NumPy raise
        return None


def store(path: Path, arrays: Arrays) -> None:
    """Writes the arrays, whole or not at all. Raises ResultsError where the folder cannot be written."""
    named: Any = {**arrays, "sha256": np.frombuffer(_digest(arrays), np.uint8)}
    with whole(path) as file:
        np.savez(file, **named)


def _digest(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.digest()


def _state(card: DataCard, place: Path) -> str:
    """Returns a digest of a source's names, sizes and times, 32 hexadecimal digits; opens no file."""
    digest = hashlib.sha256(f"{card.fingerprint} {os.path.realpath(place)}\n".encode())
    for line in sorted(_entries(place)):
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _entries(place: Path) -> Iterator[str]:
    if not os.path.isdir(place):
        with suppress(OSError):  # what cannot be opened is named when it is read
            yield _entry(place.name, place.stat())
        return
    for inner in imdb_places.class_folders(place):
        with suppress(OSError), os.scandir(inner) as entries:
            for entry in entries:
                yield _entry(f"{inner.parent.name}/{inner.name}/{entry.name}", entry.stat())


def _entry(name: str, stat: os.stat_result) -> str:
    return f"{name} {stat.st_size} {stat.st_mtime_ns}\n"
