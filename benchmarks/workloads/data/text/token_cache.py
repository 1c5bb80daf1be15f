"""The reviews as tokens, kept in the cache: tokenized once per content, and cut to any length and vocabulary later.

`text/NAME-CONTENT-TOKENIZER.npz` below the cache folder holds the tokens of the content that the data card pins.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.text import imdb, imdb_places, kept_arrays
from benchmarks.workloads.data.text.reviews import Reviews
from benchmarks.workloads.data.text.tokenizer import VERSION, Corpus, corpus
from results.errors import ResultsError


def read(card: DataCard, *, folder: Path | None = None) -> Corpus:
    """The tokens of all reviews, found as `imdb.read` finds them; kept tokens do where nothing is found.

    A kept file that is damaged is made anew. A cache that cannot be written costs time, and is no error. Raises
    UserError where the reviews are missing or are not the published ones; the cache is then as it was.
    """
    return kept_arrays.recalled(
        card,
        imdb_places.locate(card, folder),
        named=folder is not None,
        load=lambda: load(_path(card)),
        make=lambda: kept(card, imdb.read(card, folder=folder)),
    )


def kept(card: DataCard, reviews: Reviews) -> Corpus:
    """The tokens of these reviews, whose fingerprint the card has: those that were kept, or made and kept now."""
    found = load(_path(card))
    if found is None:
        found = corpus(*reviews)
        with suppress(ResultsError):
            store(_path(card), found)
    return found


def _path(card: DataCard) -> Path:
    return cache_folder() / kept_arrays.FOLDER / f"{card.name}-{card.fingerprint[:16]}-{VERSION}.npz"


def load(path: Path) -> Corpus | None:
    """The tokens that `store` wrote, or None where the file is missing or not as it was written."""
    arrays = kept_arrays.load(path, "words", "ids", "ends", "labels", "train")
    if arrays is None:
        return None
    words = tuple(arrays["words"].tobytes().decode("utf-8").split("\n"))
    return Corpus(words, arrays["ids"], arrays["ends"], arrays["labels"], int(arrays["train"]))


def store(path: Path, found: Corpus) -> None:
    """Write the tokens, whole or not at all. Raises ResultsError where the folder cannot be written."""
    words = np.frombuffer("\n".join(found.words).encode("utf-8"), np.uint8)  # no word has white space in it
    arrays: kept_arrays.Arrays = {"words": words, "ids": found.ids, "ends": found.ends, "labels": found.labels}
    arrays["train"] = np.asarray(found.train, np.int64)
    kept_arrays.store(path, arrays)
