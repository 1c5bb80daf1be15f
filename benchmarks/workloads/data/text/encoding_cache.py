"""Caches long texts as token ids: `text/NAME-CONTENT-UNIT-VERSION.npz` below the cache folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.text import array_cache, corpus, corpus_places
from benchmarks.workloads.data.text.encoding import VERSION, Encoded, encode
from benchmarks.workloads.data.text.options import Tokens
from results.errors import ResultsError


def read(card: DataCard, tokens: Tokens, *, folder: Path | None = None) -> tuple[DataCard, Encoded]:
    """Returns the card of the text that was found, and its token ids; cached ids where no text is found.

    Raises UserError as `corpus.read` and `encode` do; the cache is then as it was.
    """
    if card.download is None:
        text = corpus.read(card)
        card = replace(card, fingerprint=corpus.fingerprint(text))  # a text of one's own may have changed since
        return card, _load_or_encode(card, text, tokens)
    return card, array_cache.load_or_make(
        card,
        corpus_places.locate(card, folder),
        named=folder is not None,
        load=lambda: load(path_of(card, tokens)),
        make=lambda: _load_or_encode(card, corpus.read(card, folder=folder), tokens),
    )


def _load_or_encode(card: DataCard, text: corpus.LongText, tokens: Tokens) -> Encoded:
    """Returns the ids of this text, whose fingerprint the card has: from the cache, or encoded and cached now."""
    path = path_of(card, tokens)
    encoded = load(path)
    if encoded is None:
        encoded = encode(*text, tokens)
        with suppress(ResultsError):
            store(path, encoded)
    return encoded


def path_of(card: DataCard, tokens: Tokens) -> Path:
    """Returns the file that ids of that content and unit are cached in."""
    unit = f"bpe{tokens.vocabulary}" if tokens.unit == "bpe" else tokens.unit
    return cache_folder() / array_cache.FOLDER / f"{card.name}-{card.fingerprint[:16]}-{unit}-{VERSION}.npz"


_COUNTS: dict[Path, tuple[int, int]] = {}


def counts(card: DataCard, tokens: Tokens) -> tuple[int, int] | None:
    """Tokens of the training and the held-out part; None where the card's text was not cut into such here before."""
    path = path_of(card, tokens)
    if path not in _COUNTS and (found := load(path)) is not None:
        _COUNTS[path] = len(found.train), len(found.test)
    return _COUNTS.get(path)


def load(path: Path) -> Encoded | None:
    """Returns the ids that `store` wrote; None where the file is missing or not as it was written."""
    arrays = array_cache.load(path, "train", "test", "numbers")
    if arrays is None:
        return None
    train, test = (arrays[split].astype(np.int32) for split in ("train", "test"))
    return Encoded(train, test, *map(int, arrays["numbers"]))


def store(path: Path, encoded: Encoded) -> None:
    """Writes the ids, whole or not at all. Raises ResultsError where the folder cannot be written."""
    numbers = np.asarray((encoded.vocabulary, encoded.test_bytes), np.int64)
    small = np.min_scalar_type(encoded.vocabulary - 1)  # a byte an id, where there are few
    train, test = encoded.train.astype(small), encoded.test.astype(small)
    array_cache.store(path, {"train": train, "test": test, "numbers": numbers})
