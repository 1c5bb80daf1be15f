"""Long texts, a training and a held-out part each: published, made of IMDb's reviews, generated, or one's own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import UserError
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard, OwnData
from benchmarks.workloads.data.text import corpus_places, imdb, prose, text_file
from benchmarks.workloads.data.text.reviews import Reviews

SEPARATOR = "\n\n"
"""Between the reviews, or the files, that a text is made of."""
HELD_OUT = 0.1
"""The share at the end of a text of one's own that is held out, where its card names none."""


class LongText(NamedTuple):
    """The training part of a text, and the held-out part, which follows it."""

    train: str
    test: str


def fingerprint(text: LongText) -> str:
    """The sha256 of both parts: of each a line `split bytes`, then its text, in UTF-8."""
    digest = hashlib.sha256()
    for split, part in zip(("train", "test"), text, strict=True):
        content = part.encode("utf-8")
        digest.update(f"{split} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def characters(text: LongText) -> int:
    """Number of different characters in the training part, plus one where the held-out part has others."""
    known = set(text.train)
    return len(known) + bool(set(text.test) - known)


def read(card: DataCard, *, folder: Path | None = None) -> LongText:
    """The text that the card describes, verified.

    One that is published is looked for in `folder` alone where it is given, else where `places` says; IMDb's reviews
    at Hugging Face, too. Raises UserError where it is missing, damaged or another one; nothing found is changed.
    """
    if card.own is not None:
        return read_own(card.own)
    if card.embedded:
        text = parted(prose.text(card.train_samples + card.test_samples), card.train_samples)
        return _verified(card, text, "was generated", "restore the generator, or write that number into the card")
    place = corpus_places.locate(card, folder)
    return read_place(card, place) if place is not None else _obtained(card, folder)


def read_place(card: DataCard, place: Path) -> LongText:
    """The published text from what is at `place`. Raises UserError as `read` does."""
    if corpus_places.of_reviews(card):
        text = _joined(imdb.read_place(cards.card("imdb"), place))
    else:
        text = parted(text_file.read(place), card.train_samples)
    return _verified(card, text, f"is in {place}", f"it was left as it is: move it away, then {card.obtain}")


def _obtained(card: DataCard, folder: Path | None) -> LongText:
    if folder is not None or not corpus_places.of_reviews(card):
        raise corpus_places.missing(card, folder)
    text = _joined(imdb.read(cards.card("imdb")))
    return _verified(card, text, "is at Hugging Face", card.obtain)


def _joined(reviews: Reviews) -> LongText:
    """The reviews in their order, whatever their labels."""
    return LongText(SEPARATOR.join(reviews.texts[: reviews.train]), SEPARATOR.join(reviews.texts[reviews.train :]))


def _verified(card: DataCard, text: LongText, found: str, then: str) -> LongText:
    if (sha256 := fingerprint(text)) != card.fingerprint:
        raise UserError(
            f"{card.title}: what {found} is not what the data card describes (sha256 {sha256}, the card says "
            f"{card.fingerprint}); {then}."
        )
    return text


def parted(text: str, train: int) -> LongText:
    """The text's first `train` characters, and the rest."""
    return LongText(text[:train], text[train:])


def read_own(own: OwnData) -> LongText:
    """A file, or the .txt files of a folder by name, one after another; its end is held out.

    Raises UserError where there are none, or one of them cannot be read.
    """
    paths = [own.place]
    if own.place.is_dir():
        paths = sorted(path for path in own.place.glob("*.txt") if not path.name.startswith("."))
        if not paths:
            raise UserError(f"{own.place} has no files (.txt): put the text there.")
    if (size := sum(path.stat().st_size for path in paths if path.is_file())) > text_file.ALL_BYTES:
        raise UserError(
            f"The text in {own.place} has {size:,} bytes, more than {text_file.ALL_BYTES:,}: take a part of it."
        )
    text = SEPARATOR.join(map(text_file.read, paths))
    held_out = HELD_OUT if own.held_out is None else own.held_out
    return parted(text, len(text) - max(1, round(held_out * len(text))))
