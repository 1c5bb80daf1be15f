"""Caches the reviews as tokens: tokenized once per content, cut to any length and vocabulary later.

`text/NAME-CONTENT-TOKENIZER.npz` below the cache folder holds the tokens of the content that the data card pins.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.text import array_cache, imdb, imdb_places
from benchmarks.workloads.data.text.reviews import Reviews
from benchmarks.workloads.data.text.tokenizer import VERSION, Corpus, corpus
from results.errors import ResultsError


def read(card: DataCard, *, folder: Path | None = None) -> Corpus:
    """Returns the tokens of all reviews, found as `imdb.read` finds them; cached tokens where none are found.

    A damaged cache file is made anew. A cache that cannot be written costs time, and is no error. Raises UserError
    where the reviews are missing or are not the published ones; the cache is then as it was.
    """
    return array_cache.load_or_make(
        card,
        imdb_places.locate(card, folder),
        named=folder is not None,
        load=lambda: load(_path(card)),
        make=lambda: load_or_tokenize(card, imdb.read(card, folder=folder)),
    )


def load_or_tokenize(card: DataCard, reviews: Reviews) -> Corpus:
    """Returns these reviews' tokens from the cache, or tokenizes and caches them. The card has their fingerprint."""
    tokens = load(_path(card))
    if tokens is None:
        tokens = corpus(*reviews)
        with suppress(ResultsError):
            store(_path(card), tokens)
    return tokens


def _path(card: DataCard) -> Path:
    return cache_folder() / array_cache.FOLDER / f"{card.name}-{card.fingerprint[:16]}-{VERSION}.npz"


def load(path: Path) -> Corpus | None:
    """Returns the tokens that `store` wrote; None where the file is missing or not as it was written."""
    arrays = array_cache.load(path, "words", "ids", "ends", "labels", "train")
    if arrays is None:
        return None
    words = tuple(arrays["words"].tobytes().decode("utf-8").split("\n"))
    return Corpus(words, arrays["ids"], arrays["ends"], arrays["labels"], int(arrays["train"]))


def store(path: Path, tokens: Corpus) -> None:
    """Writes the tokens, whole or not at all. Raises ResultsError where the folder cannot be written."""
    words = np.frombuffer("\n".join(tokens.words).encode("utf-8"), np.uint8)  # no word has white space in it
    arrays: array_cache.Arrays = {"words": words, "ids": tokens.ids, "ends": tokens.ends, "labels": tokens.labels}
    arrays["train"] = np.asarray(tokens.train, np.int64)
    array_cache.store(path, arrays)
