"""Tokens, vocabularies, ids and rows, apart from any data."""

from __future__ import annotations

import random
import re
from collections import Counter

import numpy as np

from benchmarks.workloads.data.text.tokenizer import PADDING_ID, UNKNOWN_ID, basic_english, corpus, rows, vocabulary

# torchtext's rules for basic_english: one after another, on lower-case text.
RULES = (
    *((r"\'", " '  "), (r"\"", ""), (r"\.", " . "), (r"<br \/>", " "), (r",", " , "), (r"\(", " ( "), (r"\)", " ) ")),
    *((r"\!", " ! "), (r"\?", " ? "), (r"\;", " "), (r"\:", " "), (r"\s+", " ")),
)
PIECES = [
    *"aZ'\".,()!?;:<>/ \t\r\n",
    "br",
    "<br />",
    "<br ",
    "/>",
    "<BR />",
    "İ",
    "ß",
    "\xa0",
    "\x85",
    "\u3000",
    "\u200b",
]


def by_rules(text: str) -> list[str]:
    text = text.lower()
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return text.split()


def test_tokens_follow_the_rules_one_after_another() -> None:
    rng = random.Random(0)
    for _ in range(3000):
        text = "".join(rng.choices(PIECES, k=rng.randrange(20)))
        assert basic_english(text) == by_rules(text), repr(text)


def test_a_vocabulary_is_sorted_by_count_then_by_word() -> None:
    counts = Counter("b a c b a z".split())
    assert vocabulary(counts) == ["<unk>", "<pad>", "a", "b", "c", "z"]
    assert vocabulary({"<pad>": 9, "a": 1, "b": 1}) == ["<unk>", "<pad>", "a", "b"]


def test_a_corpus_knows_the_words_of_its_training_texts() -> None:
    encoded = corpus(["b b a", "", "c b", "a d <pad> c"], [0, 1, 1, 0], 3)
    assert encoded.words == ("<unk>", "<pad>", "b", "a", "c")
    assert encoded.ids.tolist() == [2, 2, 3, 4, 2, 3, UNKNOWN_ID, PADDING_ID, 4]
    assert encoded.ends.tolist() == [3, 3, 5, 9]
    assert [part.dtype.name for part in (encoded.ids, encoded.ends, encoded.labels)] == ["int32", "int64", "int64"]
    assert corpus([], [], 0).words == ("<unk>", "<pad>")


def test_rows_are_padded_on_the_left_and_cut_at_the_chosen_end() -> None:
    encoded = corpus(["a b c d e", "a b", "", "a a a b b c"], [0, 0, 1, 1], 4)
    positions = np.arange(4)
    first = rows(encoded, positions, vocabulary=9, length=3, keep="first")
    assert first.tolist() == [[2, 3, 4], [1, 2, 3], [1, 1, 1], [2, 2, 2]]
    assert first.dtype == np.int32
    last = rows(encoded, positions, vocabulary=9, length=3, keep="last")
    assert last.tolist() == [[4, 5, 6], [1, 2, 3], [1, 1, 1], [3, 3, 4]]
    assert rows(encoded, positions[:2], vocabulary=2, length=6, keep="first").tolist() == [
        [1, 2, 3, 0, 0, 0],
        [1, 1, 1, 1, 2, 3],
    ]
    assert rows(corpus(["", ""], [0, 1], 1), positions[:2], vocabulary=1, length=2, keep="last").tolist() == [
        [1, 1],
        [1, 1],
    ]
