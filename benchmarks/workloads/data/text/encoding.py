"""Encodes a long text as token ids: characters, bytes, or byte pairs learnt from its training part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UserError
from benchmarks.workloads.data.text import bpe
from benchmarks.workloads.data.text.options import Tokens

VERSION = "tokens-1"
"""Changes with anything here or in bpe.py that changes an id: caches are keyed by it."""
_CODE_POINTS = 0x110000


class Encoded(NamedTuple):
    """Token ids of both splits, int32 (tokens,), below `vocabulary`. test_bytes: of the held-out text, in UTF-8."""

    train: NDArray[np.int32]
    test: NDArray[np.int32]
    vocabulary: int
    test_bytes: int


def encode(train: str, test: str, tokens: Tokens) -> Encoded:
    """Encodes both splits. Nothing is learnt from the held-out one.

    Raises UserError where byte pairs cannot be learnt.
    """
    content = test.encode("utf-8")
    match tokens.unit:
        case "bytes":
            return Encoded(_bytes(train.encode("utf-8")), _bytes(content), 256, len(content))
        case "characters":
            return Encoded(*_characters(train, test), len(content))
        case "bpe":
            return Encoded(*bpe.encode(train, test, tokens.vocabulary), tokens.vocabulary, len(content))


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
            return Codec(tokens.vocabulary, *bpe.codec(train, tokens.vocabulary))


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
