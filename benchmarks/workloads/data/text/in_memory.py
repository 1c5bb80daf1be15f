"""Reviews as rows of tokens, in memory."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.workloads.data.cache import Arrays, load_or_make, load_or_read
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.options import Text
from benchmarks.workloads.data.places import cache_folder, locate
from benchmarks.workloads.data.sampling import LabelledBatches, LabelledSet, balanced, check_samples, held_out
from benchmarks.workloads.data.text import generated, imdb, own_texts
from benchmarks.workloads.data.text.reviews import Reviews, fingerprint
from benchmarks.workloads.data.text.tokenizer import SPECIALS, VERSION, Corpus, corpus, rows


class TextSet(LabelledSet):
    """Reviews as rows of tokens.

    Token 0 is an unknown word, token 1 padding, which stands on the left: the last token of a row is the last that was
    kept of its review.
    """

    def batches(self, *, batch: int, seed: int, device: torch.device, augment: bool = False) -> LabelledBatches:
        """Returns a run's batches; texts are not augmented. Raises what `LabelledBatches` raises."""
        return LabelledBatches(self, batch=batch, seed=seed, device=device)


def load(
    card: DataCard,
    *,
    folder: Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    validation: int | None = None,
    text: Text | None = None,
) -> TextSet:
    """Reads what the card describes; all reviews of each split, or a fixed subset with equal shares of the classes.

    The vocabulary is that of all training reviews, whatever the subset. text: how reviews are cut; None: `Text()`.

    Raises UserError where the reviews are missing or damaged, or a subset is larger than the data.
    """
    text = text or Text()
    check_samples(card.title, "train", train_samples, card.train_samples)
    check_samples(card.title, "test", test_samples, card.test_samples)
    card, corpus = read(card, folder)
    train_labels, test_labels = corpus.labels[: corpus.train], corpus.labels[corpus.train :]
    train = balanced(train_labels, train_samples)
    test = corpus.train + balanced(test_labels, test_samples)
    rest = held_out(train_labels, validation, train_samples=train_samples, title=card.title)
    cut = partial(rows, corpus, vocabulary=text.vocabulary, length=text.length, keep=text.keep)
    train_part, test_part, rest_part = (
        (torch.from_numpy(cut(chosen)), torch.from_numpy(corpus.labels[chosen])) for chosen in (train, test, rest)
    )
    words = min(len(corpus.words), text.vocabulary + len(SPECIALS))
    return TextSet(card, *train_part, *test_part, vocabulary_size=words, validation=rest_part)


def read(card: DataCard, folder: Path | None = None) -> tuple[DataCard, Corpus]:
    """Returns the card of the reviews that were found, and their tokens; cached tokens where none are found.

    `text/NAME-CONTENT-TOKENIZER.npz` below the cache folder holds the tokens of the card's reviews. Raises UserError as
    `imdb.read` and `own_texts.read` do; the cache is then as it was.
    """
    if card.embedded:
        return card, corpus(*generated.read(card))
    if card.own is not None:
        reviews = own_texts.read(card.own)[1]
        card = replace(card, fingerprint=fingerprint(reviews))  # texts may have changed since the card was read
        arrays = load_or_make(_path(card), lambda: _arrays(reviews))
    else:
        arrays = load_or_read(
            _path(card),
            lambda: imdb.read(card, folder=folder),
            _arrays,
            card=card,
            source=locate(card, folder),
            named=folder is not None,
        )
    words = tuple(arrays["words"].tobytes().decode("utf-8").split("\n"))
    return card, Corpus(words, arrays["ids"], arrays["ends"], arrays["labels"], int(arrays["train"]))


def _path(card: DataCard) -> Path:
    return cache_folder() / "text" / f"{card.name}-{card.fingerprint[:16]}-{VERSION}.npz"


def _arrays(reviews: Reviews) -> Arrays:
    """Tokenizes reviews -> the arrays that are cached."""
    tokens = corpus(*reviews)
    words = np.frombuffer("\n".join(tokens.words).encode("utf-8"), np.uint8)  # no word has white space in it
    train = np.asarray(tokens.train, np.int64)
    return {"words": words, "ids": tokens.ids, "ends": tokens.ends, "labels": tokens.labels, "train": train}
