"""Labelled texts in a canonical order, and its fingerprint: the same wherever they were read from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import UserError
from results import reading

ALL_BYTES = 2**28
"""Most bytes of a user's text, or of all texts together."""
Labelled = tuple[int, str]
"""A label and a text."""


class Reviews(NamedTuple):
    """Texts and their labels, the first `train` of them for training; each split sorted by label, then by text."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]
    train: int


def ordered(train: Iterable[Labelled], test: Iterable[Labelled]) -> Reviews:
    """Sorts both splits by label, then by text (code points), so that the order does not depend on the source."""
    first, second = sorted(train), sorted(test)
    samples = (*first, *second)
    return Reviews(tuple(text for _, text in samples), tuple(label for label, _ in samples), len(first))


def fingerprint(reviews: Reviews) -> str:
    """Returns the sha256 of the reviews in order: of each a line `split label bytes`, then its text, in UTF-8."""
    digest = hashlib.sha256()
    for index, (text, label) in enumerate(zip(reviews.texts, reviews.labels, strict=True)):
        content = text.encode("utf-8")
        split = "train" if index < reviews.train else "test"
        digest.update(f"{split} {label} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def read_text(path: Path, most_bytes: int | None = None) -> str:
    """Returns the text of a file in UTF-8. most_bytes: ALL_BYTES by default.

    Raises UserError where the file cannot be read, is too large, or is not UTF-8.
    """
    content = b""
    try:
        content = reading.content(path, ALL_BYTES if most_bytes is None else most_bytes)
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"The text {path} is not UTF-8 (byte {error.start + 1} is {content[error.start]:#04x}): convert it."
        ) from error
    except OSError as error:
        raise UserError(f"The text {path} cannot be read ({error}): put a readable one there.") from error
