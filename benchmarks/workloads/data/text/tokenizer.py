"""Tokens, a vocabulary and ids, as torchtext's `basic_english` and `build_vocab_from_iterator` make them.

Written anew, since torchtext's last release loads beside torch 2.3 only. The two gave the same tokens and ids for all
reviews of IMDb and for random texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION = "basic_english-1"
"""Changes with anything here that changes a token or an id: caches are keyed by it."""
UNKNOWN, PADDING = "<unk>", "<pad>"
SPECIALS = (UNKNOWN, PADDING)
UNKNOWN_ID, PADDING_ID = 0, 1

# The order does not matter past the first two: dropping a quotation mark can complete a line break, and a semicolon
# that became a space could as well, which torchtext would leave alone.
_REPLACED = (
    ('"', ""),
    ("<br />", " "),
    *((mark, f" {mark} ") for mark in "'.,()!?"),
    *((mark, " ") for mark in ";:"),
)


def basic_english(text: str) -> list[str]:
    """Tokenizes a text: lower case, punctuation apart, quotation marks and HTML line breaks dropped."""
    text = text.lower()
    for old, new in _REPLACED:
        text = text.replace(old, new)
    return text.split()


def vocabulary(counts: Mapping[str, int]) -> list[str]:
    """Returns the words by id: <unk>, <pad>, then all others, most common first, equally common ones by code points.

    A word that is spelled like a special is that special.
    """
    words = sorted(counts.keys() - set(SPECIALS), key=lambda word: (-counts[word], word))
    return [*SPECIALS, *words]


class Corpus(NamedTuple):
    """Tokenized texts, those for training first.

    `words` by id; `ids`, int32 of shape (tokens,), of all texts one after another; `ends`, int64 of shape (texts,),
    where each text ends in `ids`; `labels`, int64 of shape (texts,); `train` texts are for training.
    """

    words: tuple[str, ...]
    ids: NDArray[np.int32]
    ends: NDArray[np.int64]
    labels: NDArray[np.int64]
    train: int


def corpus(texts: Sequence[str], labels: Sequence[int], train: int) -> Corpus:
    """Tokenizes texts, with the whole vocabulary of the first `train`; words that only the others have are <unk>."""
    first_numbers: defaultdict[str, int] = defaultdict()
    first_numbers.default_factory = first_numbers.__len__  # a new word's number is how many there were before it
    ends = np.zeros(len(texts), np.int64)
    numbers = np.fromiter(chain.from_iterable(_word_numbers(texts, first_numbers, ends)), np.int32)
    trained = numbers[: ends[train - 1]] if train else numbers[:0]
    counts = np.bincount(trained, minlength=len(first_numbers)).tolist()
    words = vocabulary({word: count for word, count in zip(first_numbers, counts, strict=True) if count})
    ids = {word: number for number, word in enumerate(words)}
    renumbered = np.fromiter((ids.get(word, UNKNOWN_ID) for word in first_numbers), np.int32, len(first_numbers))
    return Corpus(tuple(words), renumbered[numbers], ends, np.asarray(labels, np.int64), train)


def _word_numbers(
    texts: Iterable[str], first_numbers: Mapping[str, int], ends: NDArray[np.int64]
) -> Iterator[Iterator[int]]:
    """Yields each text's words as numbers; fills `ends` on the way."""
    end = 0
    for index, text in enumerate(texts):
        tokens = basic_english(text)
        end += len(tokens)
        ends[index] = end
        yield map(first_numbers.__getitem__, tokens)


def rows(
    corpus: Corpus, chosen: NDArray[np.int64], *, vocabulary: int, length: int, keep: Literal["first", "last"]
) -> NDArray[np.int32]:
    """Returns the ids of the texts at these positions, shape (chosen, length).

    A longer text keeps its `keep` tokens, a shorter one is padded on the left, so that the last is always a word. Only
    the `vocabulary` most common words have ids of their own, the others are <unk>.
    """
    starts = np.concatenate([[0], corpus.ends[:-1]])[chosen]
    ends = corpus.ends[chosen]
    if keep == "first":
        ends = np.minimum(ends, starts + length)
    sources = ends[:, None] + np.arange(-length, 0)
    padded = sources < starts[:, None]
    ids = corpus.ids[np.where(padded, 0, sources)] if len(corpus.ids) else np.zeros(sources.shape, np.int32)
    ids[ids >= len(SPECIALS) + vocabulary] = UNKNOWN_ID
    ids[padded] = PADDING_ID
    return ids
