"""Long texts as token ids, kept in the cache: `text/NAME-CONTENT-UNIT-VERSION.npz` below its folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.text import corpus, corpus_places, kept_arrays
from benchmarks.workloads.data.text.encoding import VERSION, Encoded, encode
from benchmarks.workloads.data.text.options import Tokens
from results.errors import ResultsError


def read(card: DataCard, tokens: Tokens, *, folder: Path | None = None) -> tuple[DataCard, Encoded]:
    """The card of what was found, and its token ids; kept ids do where nothing is found.

    Raises UserError as `corpus.read` and `encode` do; the cache is then as it was.
    """
    if card.download is None:
        text = corpus.read(card)
        card = replace(card, fingerprint=corpus.fingerprint(text))  # a text of one's own may have changed since
        return card, _kept(card, text, tokens)
    return card, kept_arrays.recalled(
        card,
        corpus_places.locate(card, folder),
        named=folder is not None,
        load=lambda: load(path_of(card, tokens)),
        make=lambda: _kept(card, corpus.read(card, folder=folder), tokens),
    )


def _kept(card: DataCard, text: corpus.LongText, tokens: Tokens) -> Encoded:
    """The ids of this text, whose fingerprint the card has: those that were kept, or made and kept now."""
    path = path_of(card, tokens)
    found = load(path)
    if found is None:
        found = encode(*text, tokens)
        with suppress(ResultsError):
            store(path, found)
    return found


def path_of(card: DataCard, tokens: Tokens) -> Path:
    """File in which ids of that content and unit are kept."""
    unit = f"bpe{tokens.vocabulary}" if tokens.unit == "bpe" else tokens.unit
    return cache_folder() / kept_arrays.FOLDER / f"{card.name}-{card.fingerprint[:16]}-{unit}-{VERSION}.npz"


_COUNTS: dict[Path, tuple[int, int]] = {}


def counts(card: DataCard, tokens: Tokens) -> tuple[int, int] | None:
    """Tokens of the training and the held-out part; None where the card's text was not cut into such here before."""
    path = path_of(card, tokens)
    if path not in _COUNTS and (found := load(path)) is not None:
        _COUNTS[path] = len(found.train), len(found.test)
    return _COUNTS.get(path)


def load(path: Path) -> Encoded | None:
    """The ids that `store` wrote, or None where the file is missing or not as it was written."""
    arrays = kept_arrays.load(path, "train", "test", "numbers")
    if arrays is None:
        return None
    train, test = (arrays[split].astype(np.int32) for split in ("train", "test"))
    return Encoded(train, test, *map(int, arrays["numbers"]))


def store(path: Path, found: Encoded) -> None:
    """Write the ids, whole or not at all. Raises ResultsError where the folder cannot be written."""
    numbers = np.asarray((found.vocabulary, found.test_bytes), np.int64)
    small = np.min_scalar_type(found.vocabulary - 1)  # a byte an id, where there are few
    train, test = found.train.astype(small), found.test.astype(small)
    kept_arrays.store(path, {"train": train, "test": test, "numbers": numbers})
