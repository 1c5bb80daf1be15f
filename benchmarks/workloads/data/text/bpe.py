"""Byte-pair encoding (Sennrich et al., arXiv:1508.07909), over bytes and within words as in GPT-2, by `tokenizers`.

All 256 bytes are tokens, so that every text can be encoded. Texts are encoded line by line; no pair crosses a line's
end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UserError

_LINES_AT_ONCE = 10_000


def encode(train: str, test: str, vocabulary: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Learns `vocabulary` tokens from the training text alone -> the ids of both texts.

    Raises UserError where the package is missing, or where the training text has too few different pairs.
    """
    learnt = _train_tokenizer(train.splitlines(keepends=True), vocabulary)
    return _ids(learnt, train), _ids(learnt, test)


def codec(train: str, vocabulary: int) -> tuple[Callable[[str], list[int]], Callable[[Sequence[int]], str]]:
    """Learns the tokens as `encode` does -> functions that encode a text and decode ids. Raises as `encode`."""
    learnt = _train_tokenizer(train.splitlines(keepends=True), vocabulary)

    def joined(ids: Sequence[int]) -> str:
        return str(learnt.decode(list(ids), skip_special_tokens=False))

    return lambda text: _ids(learnt, text).tolist(), joined


def _train_tokenizer(lines: list[str], vocabulary: int) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns of processes that are forked later
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError as error:
        raise UserError(
            "workload.tokens.unit=bpe needs the package tokenizers, which is not installed: `uv sync --extra bpe`, or "
            "set characters or bytes."
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
    tokenizer.train_from_iterator(lines, trainer)
    if (learnt := tokenizer.get_vocab_size()) < vocabulary:
        raise UserError(
            f"workload.tokens.vocabulary={vocabulary}: the training text has pairs for {learnt} tokens that come "
            "twice: set that or fewer."
        )
    return tokenizer


def _ids(learnt: Any, text: str) -> NDArray[np.int32]:
    """Encodes a text, some lines at a time: an encoding takes many times the memory of its ids."""
    lines, parts = text.splitlines(keepends=True), list[list[int]]()
    for start in range(0, len(lines), _LINES_AT_ONCE):
        parts += (encoding.ids for encoding in learnt.encode_batch_fast(lines[start : start + _LINES_AT_ONCE]))
    return np.concatenate([np.asarray(part, np.int32) for part in parts])
