"""Encodes a long text as token ids: characters, bytes, or byte pairs learnt from its training part.

Byte pairs (Sennrich et al., arXiv:1508.07909) are over bytes and within words as in GPT-2, by `tokenizers`. All 256
bytes are tokens, so that every text can be encoded. Texts are encoded line by line; no pair crosses a line's end.
Ids are cached as `text/NAME-CONTENT-UNIT-VERSION.npz` below the cache folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UserError
from benchmarks.workloads.data.cache import Arrays, load, load_or_make, load_or_read
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.options import Tokens
from benchmarks.workloads.data.places import cache_folder, locate
from benchmarks.workloads.data.text import corpus

VERSION = "tokens-1"
"""Changes with anything here that changes an id: caches are keyed by it."""
_CODE_POINTS = 0x110000
_LINES_AT_ONCE = 10_000


class Encoded(NamedTuple):
    """Token ids of both splits, int32 (tokens,), below `vocabulary`. test_bytes: of the held-out text, in UTF-8."""

    train: NDArray[np.int32]
    test: NDArray[np.int32]
    vocabulary: int
    test_bytes: int


def read(card: DataCard, tokens: Tokens, *, folder: Path | None = None) -> tuple[DataCard, Encoded]:
    """Returns the card of the text that was found, and its token ids; cached ids where no text is found.

    Raises UserError as `corpus.read` and `encode` do; the cache is then as it was.
    """

    def convert(text: corpus.LongText) -> Arrays:
        return _arrays(encode(*text, tokens))

    if card.download is None:
        text = corpus.read(card)
        card = replace(card, fingerprint=corpus.fingerprint(text))  # a user's text may have changed since
        arrays = load_or_make(path_of(card, tokens), lambda: convert(text))
    else:
        arrays = load_or_read(
            path_of(card, tokens),
            lambda: corpus.read(card, folder=folder),
            convert,
            card=card,
            source=locate(card, folder),
            named=folder is not None,
        )
    train, test = (arrays[split].astype(np.int32) for split in ("train", "test"))
    return card, Encoded(train, test, *map(int, arrays["numbers"]))


def path_of(card: DataCard, tokens: Tokens) -> Path:
    """Returns the file that ids of that content and unit are cached in."""
    unit = f"bpe{tokens.vocabulary}" if tokens.unit == "bpe" else tokens.unit
    return cache_folder() / "text" / f"{card.name}-{card.fingerprint[:16]}-{unit}-{VERSION}.npz"


_COUNTS: dict[Path, tuple[int, int]] = {}


def counts(card: DataCard, tokens: Tokens) -> tuple[int, int] | None:
    """Returns the tokens of the training and of the held-out part; None where no cached ids are here."""
    path = path_of(card, tokens)
    if path not in _COUNTS and (arrays := load(path)) is not None:
        _COUNTS[path] = len(arrays["train"]), len(arrays["test"])
    return _COUNTS.get(path)


def _arrays(encoded: Encoded) -> Arrays:
    small = np.min_scalar_type(encoded.vocabulary - 1)  # a byte an id, where there are few
    numbers = np.asarray((encoded.vocabulary, encoded.test_bytes), np.int64)
    return {"train": encoded.train.astype(small), "test": encoded.test.astype(small), "numbers": numbers}


def encode(train: str, test: str, tokens: Tokens) -> Encoded:
    """Encodes both splits. Nothing is learnt from the held-out one.

    Raises UserError where byte pairs cannot be learnt: the package is missing, or the text has too few pairs.
    """
    content = test.encode("utf-8")
    match tokens.unit:
        case "bytes":
            return Encoded(_bytes(train.encode("utf-8")), _bytes(content), 256, len(content))
        case "characters":
            return Encoded(*_characters(train, test), len(content))
        case "bpe":
            pairs = _train_tokenizer(train, tokens.vocabulary)
            return Encoded(_ids(pairs, train), _ids(pairs, test), tokens.vocabulary, len(content))


def _bytes(content: bytes) -> NDArray[np.int32]:
    return np.frombuffer(content, np.uint8).astype(np.int32)


def _characters(train: str, test: str) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Numbers the training part's characters by code point; all others are one more token, where there are any."""
    points, held_out = (np.frombuffer(part.encode("utf-32-le"), "<u4") for part in (train, test))
    in_training = np.zeros(_CODE_POINTS, np.bool_)
    in_training[points] = True
    alphabet = np.flatnonzero(in_training)
    ids = np.full(_CODE_POINTS, len(alphabet), np.int32)
    ids[alphabet] = np.arange(len(alphabet))
    return ids[points], ids[held_out], len(alphabet) + (not in_training[held_out].all())


class Codec(NamedTuple):
    """Encodes other texts by the tokens of a training text, and decodes ids; ids are those of `encode`.

    encode: raises UserError for what no token stands for. decode: what is no UTF-8 becomes U+FFFD.
    """

    vocabulary: int
    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]


def codec(train: str, test: str, tokens: Tokens) -> Codec:
    """Returns a codec with the ids of `encode`. Raises UserError as that does."""
    match tokens.unit:
        case "bytes":
            return Codec(256, lambda text: list(text.encode()), lambda ids: bytes(ids).decode(errors="replace"))
        case "characters":
            return _codec_of_characters(train, test)
        case "bpe":
            pairs = _train_tokenizer(train, tokens.vocabulary)
            return Codec(
                tokens.vocabulary,
                lambda text: _ids(pairs, text).tolist(),
                lambda ids: str(pairs.decode(list(ids), skip_special_tokens=False)),
            )


def _codec_of_characters(train: str, test: str) -> Codec:
    alphabet = sorted(set(train))
    ids = {character: id for id, character in enumerate(alphabet)}
    replacement = ["\ufffd"] if set(test) - ids.keys() else []
    characters = [*alphabet, *replacement]

    def encode(text: str) -> list[int]:
        if unknown_characters := sorted(set(text) - ids.keys()):
            raise UserError(
                f"{', '.join(map(repr, unknown_characters))}: not among the {len(ids)} characters of the training text."
            )
        return [ids[character] for character in text]

    return Codec(len(characters), encode, lambda tokens: "".join(characters[id] for id in tokens))


def _train_tokenizer(text: str, vocabulary: int) -> Any:
    """Learns `vocabulary` tokens from a text. Raises UserError as `encode`."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns of processes that are forked later
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError as error:
        raise UserError(
            "workload.tokens.unit=bpe needs the package tokenizers: `uv sync --extra bpe`, or set characters or bytes."
        ) from error
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(text.splitlines(keepends=True), trainer)
    if (size := tokenizer.get_vocab_size()) < vocabulary:
        raise UserError(f"workload.tokens.vocabulary={vocabulary}: the training text gives {size} tokens: set fewer.")
    return tokenizer


def _ids(pairs: Any, text: str) -> NDArray[np.int32]:
    """Encodes a text, some lines at a time: an encoding takes many times the memory of its ids."""
    lines, parts = text.splitlines(keepends=True), list[list[int]]()
    for start in range(0, len(lines), _LINES_AT_ONCE):
        parts += (encoding.ids for encoding in pairs.encode_batch_fast(lines[start : start + _LINES_AT_ONCE]))
    return np.concatenate([np.asarray(part, np.int32) for part in parts])
