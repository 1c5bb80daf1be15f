"""A long text as token ids: its characters, its bytes, or byte pairs that were learnt from its training part."""

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
    """Token ids of both splits, int32 of shape (tokens,), below `vocabulary`; the held-out text's bytes in UTF-8."""

    train: NDArray[np.int32]
    test: NDArray[np.int32]
    vocabulary: int
    test_bytes: int


def encode(train: str, test: str, tokens: Tokens) -> Encoded:
    """Cut both splits into tokens. No unit learns anything from the held-out one.

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
    """The training part's characters, numbered by code point; all others are one more token, where there are any."""
    points, held_out = (np.frombuffer(part.encode("utf-32-le"), "<u4") for part in (train, test))
    seen = np.zeros(_CODE_POINTS, np.bool_)
    seen[points] = True
    known = np.flatnonzero(seen)
    ids = np.full(_CODE_POINTS, len(known), np.int32)
    ids[known] = np.arange(len(known))
    return ids[points], ids[held_out], len(known) + (not seen[held_out].all())


class Codec(NamedTuple):
    """Cuts other texts into the tokens of a training text, and joins tokens again; ids are those of `encode`.

    encode: raises UserError on what no token stands for. decode: what is no UTF-8 becomes U+FFFD.
    """

    vocabulary: int
    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]


def codec(train: str, test: str, tokens: Tokens) -> Codec:
    """Returns what cuts and joins texts as `encode` cuts both splits. Raises UserError as `encode` does."""
    match tokens.unit:
        case "bytes":
            return Codec(256, lambda text: list(text.encode()), lambda ids: bytes(ids).decode(errors="replace"))
        case "characters":
            return _codec_of_characters(train, test)
        case "bpe":
            return Codec(tokens.vocabulary, *bpe.codec(train, tokens.vocabulary))


def _codec_of_characters(train: str, test: str) -> Codec:
    known = sorted(set(train))
    ids = {character: id for id, character in enumerate(known)}
    others = ["\ufffd"] if set(test) - ids.keys() else []
    characters = [*known, *others]

    def encode(text: str) -> list[int]:
        if lost := sorted(set(text) - ids.keys()):
            raise UserError(f"{', '.join(map(repr, lost))}: not among the {len(ids)} characters of the training text.")
        return [ids[character] for character in text]

    return Codec(len(characters), encode, lambda tokens: "".join(characters[id] for id in tokens))
