"""Labelled texts in a canonical order, and its fingerprint: the same wherever they were read from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

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
