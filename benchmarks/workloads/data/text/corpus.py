"""Long texts, a training and a held-out part each: published, made of IMDb's reviews, generated, or one's own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import UserError
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard, OwnData
from benchmarks.workloads.data.places import holds_reviews, locate, missing
from benchmarks.workloads.data.text import imdb, prose, reviews

SEPARATOR = "\n\n"
"""Between the reviews, or the files, that a text is made of."""
HELD_OUT = 0.1
"""The share at the end of a text of one's own that is held out, where its card names none."""


class LongText(NamedTuple):
    """The training part of a text, and the held-out part that follows it."""

    train: str
    test: str


def fingerprint(text: LongText) -> str:
    """Returns the sha256 of both parts: of each a line `split bytes`, then its text, in UTF-8."""
    digest = hashlib.sha256()
    for split, part in zip(("train", "test"), text, strict=True):
        content = part.encode("utf-8")
        digest.update(f"{split} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def characters(text: LongText) -> int:
    """Returns the number of different characters in the training part, plus one if the held-out part has others."""
    characters_seen = set(text.train)
    return len(characters_seen) + bool(set(text.test) - characters_seen)


def read(card: DataCard, *, folder: Path | None = None) -> LongText:
    """Returns the text that the card describes, verified.

    A published one is looked for in `folder` alone where it is given, else where `places` says; IMDb's reviews at
    Hugging Face, too. Raises UserError where it is missing, damaged or another one; nothing found is changed.
    """
    if card.own is not None:
        return read_own(card.own)
    if card.embedded:
        text = _split(prose.text(card.train_samples + card.test_samples), card.train_samples)
        return _verified(card, text, "was generated", "restore the generator, or write that number into the card")
    if (place := locate(card, folder)) is not None:
        return read_place(card, place)
    if folder is not None or not holds_reviews(card):
        raise missing(card, folder)
    return _verified(card, _joined(imdb.read(cards.card("imdb"))), "is at Hugging Face", card.obtain)


def read_place(card: DataCard, place: Path) -> LongText:
    """Returns the published text from the file or folder at `place`. Raises UserError as `read` does."""
    if holds_reviews(card):
        text = _joined(imdb.read_place(cards.card("imdb"), place))
    else:
        text = _split(reviews.read_text(place), card.train_samples)
    return _verified(card, text, f"is in {place}", f"it was left as it was: move it away, then {card.obtain}")


def read_own(data: OwnData) -> LongText:
    """Returns a user's text: a file, or the .txt files of a folder joined in order of name; its end is held out.

    Raises UserError where there is no text, or a file cannot be read.
    """
    paths = [data.place]
    if data.place.is_dir():
        paths = sorted(path for path in data.place.glob("*.txt") if not path.name.startswith("."))
    if (size := sum(path.stat().st_size for path in paths if path.is_file())) > reviews.ALL_BYTES:
        raise UserError(f"The text in {data.place} has {size:,} bytes, more than {reviews.ALL_BYTES:,}: use a part.")
    text = SEPARATOR.join(map(reviews.read_text, paths))
    if not text:
        raise UserError(f"{data.place} has no text, in a file or in files (.txt) of a folder: put it there.")
    held_out = HELD_OUT if data.held_out is None else data.held_out
    return _split(text, len(text) - max(1, round(held_out * len(text))))


def _joined(texts: reviews.Reviews) -> LongText:
    """Joins the reviews in their order, whatever their labels."""
    return LongText(SEPARATOR.join(texts.texts[: texts.train]), SEPARATOR.join(texts.texts[texts.train :]))


def _verified(card: DataCard, text: LongText, source: str, then: str) -> LongText:
    if (sha256 := fingerprint(text)) != card.fingerprint:
        raise UserError(
            f"{card.title}: what {source} is not what the data card describes (sha256 {sha256}, the card says "
            f"{card.fingerprint}); {then}."
        )
    return text


def _split(text: str, train: int) -> LongText:
    """Splits a text after `train` characters into training and held-out part."""
    return LongText(text[:train], text[train:])
