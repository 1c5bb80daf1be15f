"""The suite's tokenizer against torchtext itself, which loads beside torch 2.3 only: `tox run -e torchtext`.

Only what that environment has is imported: the standard library, NumPy, and modules of ours that need no more.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.text import imdb, imdb_places
from benchmarks.workloads.data.text.tokenizer import SPECIALS, UNKNOWN_ID, basic_english, corpus, rows, vocabulary

# torchtext announces its end on import, and older Python habits are in its source.
pytestmark = [
    pytest.mark.torchtext,
    pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(?s).*torchtext:UserWarning"),
]

REAL = os.environ.get("BENCHMARKS_DATA")
TRICKY = [
    "",
    " ",
    "\r\n",
    'It\'s "fine", really<br />(Mostly).',
    "'''\"\"\"...,,,(((!!!???;;;:::",
    "<br /><br/><BR /><br  /><br\t/><br\n/>< br />",
    '<br "/><"br />"<br />"<br" />',
    "<br;/><br:/><br;;/> <br'/> <br./> <br,/>",
    "İstanbul ISTANBUL ıi̇ ẞß ſ ﬁ Σς ΑΣ. Ǆ",
    "non\xa0breaking next\x85line thin\u2009space\u202fnarrow\u3000wide line\u2028para\u2029graph",
    "zero\u200bwidth joiner\u200d bom\ufeff soft\xadhyphen mongolian\u180evowel",
    "tab\tvertical\x0bform\x0cfeed file\x1cgroup\x1drecord\x1eunit\x1f null\x00",
    "CRLF\r\nends\rand\nothers",
    "don’t “quote” – dash — 9/10 $5.50 a.b.c e-mail@x.org",
    "emoji 🙂👩‍👩‍👧 combining e\u0301 數學 кино",
    "<unk> <pad> <UNK>",
    "x" * 5000 + "." * 5000,
]
PIECES = [*"abcXYZ019'\".,()!?;:<>/-  ", *"br", "<br />", "<br ", "/>", "İ", "ß", "Σ", "é", "的", "🙂"]
SPACES = [chr(code) for code in range(0x3001) if chr(code).isspace()]


def random_text(chosen: random.Random) -> str:
    """Up to 40 pieces: marks, letters, white space of every kind and now and then any character at all."""
    anything = [chr(code) for code in (chosen.randrange(0xD800), chosen.randrange(0xE000, 0x110000))]
    return "".join(chosen.choices([*PIECES, *SPACES, *anything], k=chosen.randrange(41)))


@pytest.fixture(scope="module")
def tokenize() -> Callable[[str], list[str]]:
    from torchtext.data.utils import get_tokenizer

    found: Callable[[str], list[str]] = get_tokenizer("basic_english")
    return found


def their_vocabulary(texts: list[list[str]], size: int | None = None) -> Any:
    from torchtext.vocab import build_vocab_from_iterator

    most = None if size is None else size + len(SPECIALS)
    found = build_vocab_from_iterator(texts, specials=list(SPECIALS), max_tokens=most)
    found.set_default_index(UNKNOWN_ID)
    return found


@pytest.mark.parametrize("text", TRICKY, ids=range(len(TRICKY)))
def test_tokens_of_tricky_strings(text: str, tokenize: Callable[[str], list[str]]) -> None:
    assert basic_english(text) == tokenize(text)


def test_tokens_of_random_strings(tokenize: Callable[[str], list[str]]) -> None:
    chosen = random.Random(0)
    for _ in range(20_000):
        text = random_text(chosen)
        assert basic_english(text) == tokenize(text), ascii(text)


@pytest.mark.parametrize("size", [None, 1, 10, 500])
def test_vocabulary_and_ids(size: int | None, tokenize: Callable[[str], list[str]]) -> None:
    chosen = random.Random(1)
    texts = [random_text(chosen) for _ in range(2000)]
    theirs = [tokenize(text) for text in texts]
    vocab = their_vocabulary(theirs[:1000], size)
    counts = Counter(token for text in texts[:1000] for token in basic_english(text))
    assert vocabulary(counts)[: None if size is None else size + 2] == vocab.get_itos()
    found = corpus(texts, [0] * len(texts), 1000)
    most = len(found.words) if size is None else size
    row = rows(found, np.arange(len(texts)), vocabulary=most, length=200, keep="first")
    for ours, text in zip(row.tolist(), theirs, strict=True):
        assert ours[len(ours) - len(text) :] == vocab(text)


def test_words_spelled_like_specials() -> None:
    texts = [["<pad>", "a", "<unk>"], ["a", "b"]]
    vocab = their_vocabulary(texts)
    found = corpus(["<pad> a <unk>", "a b"], [0, 1], 2)
    assert list(found.words) == vocab.get_itos()
    assert found.ids.tolist() == [*vocab(texts[0]), *vocab(texts[1])]


@pytest.mark.skipif(REAL is None, reason="BENCHMARKS_DATA names no folder with real data")
def test_real_reviews(tokenize: Callable[[str], list[str]]) -> None:
    described = card("imdb")
    place = imdb_places.locate(described, folder=Path(str(REAL)))
    if place is None:
        pytest.skip("no IMDb in BENCHMARKS_DATA")
    reviews = imdb.read_place(described, place)
    theirs = [tokenize(text) for text in reviews.texts]
    found = corpus(*reviews)
    vocab = their_vocabulary(theirs[: reviews.train])
    assert list(found.words) == vocab.get_itos()
    assert list(found.words[:20_002]) == their_vocabulary(theirs[: reviews.train], 20_000).get_itos()
    start = 0
    for text, end in zip(theirs, found.ends.tolist(), strict=True):
        assert found.ids[start:end].tolist() == vocab(text)
        start = end
