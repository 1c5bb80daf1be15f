"""Long texts: where they come from, what is told of bad ones, and how they become token ids."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard, OwnData, card
from benchmarks.workloads.data.options import Tokens
from benchmarks.workloads.data.places import cache_folder, locate
from benchmarks.workloads.data.present import check_present
from benchmarks.workloads.data.text import corpus, encoding, imdb, prose, reviews
from benchmarks.workloads.data.text.corpus import LongText
from benchmarks.workloads.data.text.encoding import codec, encode
from benchmarks.workloads.data.text.reviews import fingerprint as of_reviews
from benchmarks.workloads.data.text.reviews import ordered
from tests.workloads.data.test_imdb import TEST, TRAIN, write

PLAY = "First Citizen:\nSpeak, speak — naïve.\n\n" * 30


def parted(at: int) -> LongText:
    return LongText(PLAY[:at], PLAY[at:])


REAL = os.environ.get("BENCHMARKS_DATA")
SHAKESPEARE = card("tinyshakespeare")


@pytest.fixture
def small(tmp_path: Path) -> tuple[DataCard, Path]:
    """A card like Tiny Shakespeare's for a short text, and the folder that holds it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "tinyshakespeare.txt").write_bytes(PLAY.encode())
    sha256 = corpus.fingerprint(parted(1000))
    return replace(SHAKESPEARE, train_samples=1000, test_samples=len(PLAY) - 1000, fingerprint=sha256), folder


# ---- where they come from


def test_the_generated_prose_is_what_its_card_says(monkeypatch: pytest.MonkeyPatch) -> None:
    data_card = card("generated-prose")
    text = corpus.read(data_card)
    assert (len(text.train), len(text.test)) == (data_card.train_samples, data_card.test_samples)
    assert corpus.characters(text) == data_card.characters
    monkeypatch.setattr(prose, "_TIMES", ("Never",))
    with pytest.raises(UserError, match="Generated prose: what was generated is not what the data card describes"):
        corpus.read(data_card)


@pytest.mark.parametrize("place", ["tinyshakespeare.txt", "tinyshakespeare/input.txt", "mine"])
def test_a_published_text_is_found_and_parted(small: tuple[DataCard, Path], place: str) -> None:
    data_card, folder = small
    path = folder / place
    path.parent.mkdir(exist_ok=True)
    (folder / "tinyshakespeare.txt").rename(path)
    assert corpus.read(data_card, folder=path if place == "mine" else folder) == LongText(PLAY[:1000], PLAY[1000:])


def test_another_text_is_refused_and_left(small: tuple[DataCard, Path]) -> None:
    data_card, folder = small
    path = folder / "tinyshakespeare.txt"
    path.write_text("another")
    with pytest.raises(UserError, match=r"Tiny Shakespeare: what is in .*txt is not what .* \(sha256 .*; it was left"):
        encoding.read(data_card, Tokens(), folder=folder)
    assert path.read_text() == "another"
    assert not (cache_folder() / "text").exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_missing_text_is_told_with_how_to_get_it(tmp_path: Path, named: bool) -> None:
    folder = tmp_path if named else None
    for ask in (lambda: corpus.read(SHAKESPEARE, folder=folder), lambda: check_present(SHAKESPEARE, folder)):
        with pytest.raises(UserError, match=r"looked for tinyshakespeare\.txt, .*input\.txt in .*; download https://"):
            ask()


def test_reviews_make_a_text_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "aclImdb", {"train": TRAIN, "test": TEST})
    imdb_card = replace(card("imdb"), train_samples=4, test_samples=4, fingerprint=of_reviews(ordered(TRAIN, TEST)))
    monkeypatch.setattr(cards, "card", lambda name: imdb_card)
    joined = LongText("\n\n".join(text for _, text in TRAIN), "\n\n".join(text for _, text in TEST))
    data_card = replace(card("imdb-text"), fingerprint=corpus.fingerprint(joined))
    assert corpus.read(data_card, folder=tmp_path) == joined
    first = encoding.read(data_card, Tokens(), folder=tmp_path)
    monkeypatch.setattr(imdb, "read_place", lambda *_: pytest.fail("read again"))
    again = encoding.read(data_card, Tokens(), folder=tmp_path)
    assert np.array_equal(first[1].train, again[1].train)


def test_the_fingerprint_tells_where_a_text_is_parted() -> None:
    assert len({corpus.fingerprint(parted(at)) for at in (0, 1, 2, 500)}) == 4


def test_a_folder_of_files_is_read_by_name(tmp_path: Path) -> None:
    for name, content in (("b.txt", "two" * 10), ("a.txt", "one" * 10), (".c.txt", "hidden"), ("d.md", "other")):
        (tmp_path / name).write_text(content)
    text = corpus.read_own(OwnData(tmp_path / "card.toml", tmp_path))
    assert "".join(text) == "one" * 10 + "\n\n" + "two" * 10
    assert len(text.test) == 6  # a tenth
    assert len(corpus.read_own(OwnData(tmp_path / "card.toml", tmp_path, 0.5)).test) == 31


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has no text"),
        (b"caf\xe9", r"is not UTF-8 \(byte 4 is 0xe9\)"),
        (b"x" * 21, "21 bytes, more than 20"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_file_is_told_in_one_sentence(
    tmp_path: Path, content: bytes | None, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews, "ALL_BYTES", 20)
    if content is not None:
        (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(UserError, match=rf"mine\.txt.* {complaint}") as caught:
        corpus.read_own(OwnData(tmp_path / "card.toml", tmp_path / "mine.txt"))
    assert "\n" not in str(caught.value)


def test_a_folder_without_texts_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no text"):
        corpus.read_own(OwnData(tmp_path / "card.toml", tmp_path))


# ---- tokens


def test_characters_are_those_of_the_training_part() -> None:
    encoded = encode("caab", "bca", Tokens())
    assert (encoded.train.tolist(), encoded.test.tolist(), encoded.vocabulary) == ([2, 0, 0, 1], [1, 2, 0], 3)
    assert encoded.train.dtype == encoded.test.dtype == np.int32
    with_unknown = encode("caab", "é c", Tokens())
    assert (with_unknown.test.tolist(), with_unknown.vocabulary, with_unknown.test_bytes) == ([3, 3, 2], 4, 4)
    assert corpus.characters(LongText("caab", "é c")) == 4


def test_bytes_are_those_of_utf8() -> None:
    encoded = encode("é", "aé", Tokens(unit="bytes"))
    assert (encoded.train.tolist(), encoded.test.tolist()) == ([0xC3, 0xA9], [97, 0xC3, 0xA9])
    assert (encoded.vocabulary, encoded.test_bytes) == (256, 3)


def test_byte_pairs_are_learnt_from_the_training_part_alone() -> None:
    pytest.importorskip("tokenizers")
    tokens = Tokens(unit="bpe", vocabulary=270)
    encoded = encode(PLAY, "Speak,\nÉcoute zzzz zzzz", tokens)
    encoded_again = encode(PLAY, "zzzz" * 50, tokens)
    assert np.array_equal(encoded.train, encoded_again.train)
    assert encoded.train.max() == 269
    assert len(encoded.train) < len(PLAY.encode())
    assert len(encoded_again.test) == 200  # no pair of z's was learnt
    with pytest.raises(UserError, match=r"tokens\.vocabulary=5000: "):
        encode(PLAY, PLAY, Tokens(unit="bpe", vocabulary=5000))


def test_byte_pairs_are_those_of_the_text() -> None:
    """Every id is a pair of earlier ones, or a byte; put together again they are the text."""
    pytest.importorskip("tokenizers")
    pairs = encoding._train_tokenizer(PLAY, 280)
    for text in (PLAY, "Any — other\r\n text.\n\n\x00", "no line's end"):
        assert pairs.decode(encoding._ids(pairs, text).tolist()) == text


def test_a_missing_package_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"package tokenizers: `uv sync --extra bpe`"):
        encode(PLAY, PLAY, Tokens(unit="bpe"))


# ---- the cache


def test_ids_are_kept_by_content_and_unit(small: tuple[DataCard, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    data_card, folder = small
    first = {unit: encoding.read(data_card, Tokens(unit=unit), folder=folder)[1] for unit in ("bytes", "characters")}
    assert len(list((cache_folder() / "text").glob("*.npz"))) == 2
    with monkeypatch.context() as patch:
        patch.setattr(encoding, "encode", lambda *_: pytest.fail("cut again"))
        again = encoding.read(data_card, Tokens(), folder=folder)[1]
    assert np.array_equal(again.train, first["characters"].train)
    assert np.array_equal(again.test, first["characters"].test)


@pytest.mark.skipif(REAL is None, reason="BENCHMARKS_DATA names no folder with real data")
def test_real_tiny_shakespeare() -> None:
    if locate(SHAKESPEARE, Path(str(REAL))) is None:
        pytest.skip("no Tiny Shakespeare in BENCHMARKS_DATA")
    encoded = encoding.read(SHAKESPEARE, Tokens(), folder=Path(str(REAL)))[1]
    assert (len(encoded.train), len(encoded.test), encoded.vocabulary) == (1_003_854, 111_540, SHAKESPEARE.characters)
    assert encoded.train[:5].tolist() == [18, 47, 56, 57, 58]  # "First", as nanoGPT numbers them


@pytest.mark.parametrize("unit", ["characters", "bytes", "bpe"])
def test_a_codec_has_the_ids_of_the_encoding_and_joins_them_again(unit: Literal["characters", "bytes", "bpe"]) -> None:
    if unit == "bpe":
        pytest.importorskip("tokenizers")
    tokens, (train, test) = Tokens(unit=unit, vocabulary=270), parted(1000)
    encoded, code = encode(train, test + "\u2603", tokens), codec(train, test + "\u2603", tokens)
    assert code.vocabulary == encoded.vocabulary
    assert code.encode(train) == encoded.train.tolist()
    assert code.decode(code.encode(test)) == test
    unknown = {"characters": "\ufffd"}.get(unit, "\u2603")
    assert code.decode(encoded.test.tolist()) == test + unknown


def test_a_prompt_of_other_characters_is_refused_by_their_names() -> None:
    with pytest.raises(UserError, match="'X', '\u2603'"):
        codec("a b", "c", Tokens()).encode("aX\u2603")
