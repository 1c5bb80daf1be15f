"""The reviews as tokens, kept in the cache: tokenized once per content, and cut to any length and vocabulary later.

`text/NAME-CONTENT-TOKENIZER.npz` below the cache folder holds the tokens of the content that the data card pins. Beside
it an empty file marks every source that was read and found to be that content, by its names, sizes and times; so a
source that changed is read again, and one that did not is not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.text import imdb, imdb_places
from benchmarks.workloads.data.text.reviews import Reviews
from benchmarks.workloads.data.text.tokenizer import VERSION, Corpus, corpus
from results.errors import ResultsError
from results.files import whole
from results.reading import opened

Arrays = dict[str, NDArray[Any]]
KEPT_BYTES = 2**30  # IMDb's tokens have some 50 MB


def read(card: DataCard, *, folder: Path | None = None) -> Corpus:
    """The tokens of all reviews, found as `imdb.read` finds them; kept tokens do where nothing is found.

    A kept file that is damaged is made anew. A cache that cannot be written costs time, and is no error. Raises
    UserError where the reviews are missing or are not the published ones; the cache is then as it was.
    """
    path = _path(card)
    place = imdb_places.locate(card, folder)
    mark = path.parent / f"{_state(card, place)}.read" if place else None
    if (os.path.exists(mark) if mark else folder is None) and (known := load(path)):
        return known
    found = kept(card, imdb.read(card, folder=folder))
    if mark:
        with suppress(OSError):
            mark.touch()
    return found


def kept(card: DataCard, reviews: Reviews) -> Corpus:
    """The tokens of these reviews, whose fingerprint the card has: those that were kept, or made and kept now."""
    found = load(_path(card))
    if found is None:
        found = corpus(*reviews)
        with suppress(ResultsError):
            store(_path(card), found)
    return found


def _path(card: DataCard) -> Path:
    return cache_folder() / "text" / f"{card.name}-{card.fingerprint[:16]}-{VERSION}.npz"


def load(path: Path) -> Corpus | None:
    """The tokens that `store` wrote, or None where the file is missing or not as it was written."""
    try:
        # np.load leaves a damaged file open that it opened itself.
        with opened(path, KEPT_BYTES) as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("words", "ids", "ends", "labels", "train", "sha256")}
        sound = arrays.pop("sha256").tobytes() == _digest(arrays)
    except Exception:  # whatever a damaged file makes zipfile and NumPy raise
        return None
    if not sound:
        return None
    words = tuple(arrays["words"].tobytes().decode("utf-8").split("\n"))
    return Corpus(words, arrays["ids"], arrays["ends"], arrays["labels"], int(arrays["train"]))


def store(path: Path, found: Corpus) -> None:
    """Write the tokens, whole or not at all. Raises ResultsError where the folder cannot be written."""
    words = np.frombuffer("\n".join(found.words).encode("utf-8"), np.uint8)  # no word has white space in it
    arrays: Arrays = {"words": words, "ids": found.ids, "ends": found.ends, "labels": found.labels}
    arrays["train"] = np.asarray(found.train, np.int64)
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
    """Digest of a source's names, sizes and times, 32 hexadecimal digits; no file is opened."""
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
