"""Reviews as rows of tokens, in memory, and their batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.workloads.data.cache import Arrays, load_or_make, load_or_read
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.dividing import by_label
from benchmarks.workloads.data.places import cache_folder, locate
from benchmarks.workloads.data.sampling import Sampler, balanced, check_samples, held_out
from benchmarks.workloads.data.text import generated, imdb, own_texts
from benchmarks.workloads.data.text.options import Text
from benchmarks.workloads.data.text.reviews import Reviews, fingerprint
from benchmarks.workloads.data.text.tokenizer import SPECIALS, VERSION, Corpus, corpus, rows
from benchmarks.workloads.data.transfer import to_device
from benchmarks.workloads.shards import Shards


@dataclass(frozen=True, eq=False)
class TextSet:
    """Tokens, int32 of shape (N, length), and labels, int64 of shape (N,), of both splits, on the CPU.

    Token 0 is an unknown word, token 1 padding, which stands on the left: the last token of a row is the last that was
    kept of its review. All are below `vocabulary_size`, which is what an embedding has to hold. validation: tokens and
    labels of training reviews that are not trained on, if any are held out.
    """

    card: DataCard
    text: Text
    train_tokens: Tensor
    train_labels: Tensor
    test_tokens: Tensor
    test_labels: Tensor
    vocabulary_size: int
    validation: tuple[Tensor, Tensor] | None = None
    bytes_per_token: ClassVar[None] = None

    def shards(self, shards: Shards, *, devices: int, batch: int) -> list[NDArray[np.int64]]:
        """Returns the positions of each device's training samples. Raises what `by_label` raises."""
        return by_label(self.train_labels.numpy(), shards, devices=devices, batch=batch, title=self.card.title)

    def batches(self, *, batch: int, seed: int, device: torch.device, augment: bool = False) -> TextBatches:
        """Returns a run's batches; texts are not augmented. Raises what `TextBatches` raises."""
        return TextBatches(self, batch=batch, seed=seed, device=device)


class TextBatches(Sampler):
    """Training and test batches on one device: int64 tokens (B, length), int64 labels (B,).

    A training batch depends on (seed, epoch, index) alone; several threads may ask at once.

    Raises UserError where a batch is larger than the training split, ValueError for a seed outside [0, 2**32).
    """

    def __init__(self, data: TextSet, *, batch: int, seed: int, device: torch.device) -> None:
        super().__init__(len(data.train_labels), batch=batch, seed=seed, title=data.card.title)
        self.device = device
        self._train = data.train_tokens.to(device), data.train_labels.to(device)
        self._test = data.test_tokens.to(device), data.test_labels.to(device)
        held_out = data.validation or (data.train_tokens[:0], data.train_labels[:0])
        self._validation = held_out[0].to(device), held_out[1].to(device)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Returns the tokens and labels of one training batch, which the caller may overwrite.

        Raises IndexError unless `index` is one of the epoch's full batches.
        """
        chosen = to_device(torch.from_numpy(self.chosen(epoch, index)), self.device)
        tokens, labels = self._train
        return tokens.index_select(0, chosen).long(), labels.index_select(0, chosen)

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the test split in its order, in batches of at most `batch`."""
        return self._in_order(*self._test, batch)

    def validation(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the validation split as `test` does; nothing where none is held out."""
        return self._in_order(*self._validation, batch)

    def _in_order(self, tokens: Tensor, labels: Tensor, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(labels), batch):
            yield tokens[start : start + batch].long(), labels[start : start + batch]


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
    train = _part(corpus, 0, corpus.train, train_samples)
    test = _part(corpus, corpus.train, len(corpus.labels), test_samples)
    rest = held_out(corpus.labels[: corpus.train], validation, train_samples=train_samples, title=card.title)
    return TextSet(
        card=card,
        text=text,
        train_tokens=_tokens(corpus, train, text),
        train_labels=torch.from_numpy(corpus.labels[train]),
        test_tokens=_tokens(corpus, test, text),
        test_labels=torch.from_numpy(corpus.labels[test]),
        vocabulary_size=min(len(corpus.words), text.vocabulary + len(SPECIALS)),
        validation=(_tokens(corpus, rest, text), torch.from_numpy(corpus.labels[rest])),
    )


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


def _part(corpus: Corpus, start: int, stop: int, samples: int | None) -> NDArray[np.int64]:
    """Returns the positions of one split's reviews, or of a balanced subset of them."""
    if samples is None:
        return np.arange(start, stop)
    return start + balanced(corpus.labels[start:stop], samples)


def _tokens(corpus: Corpus, chosen: NDArray[np.int64], text: Text) -> Tensor:
    ids = rows(corpus, chosen, vocabulary=text.vocabulary, length=text.length, keep=text.keep)
    return torch.from_numpy(ids)
