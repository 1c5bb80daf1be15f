"""Labelled texts in an order of their own, and its fingerprint: the same wherever they were read from."""

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
    """Both splits in the order that does not depend on the source: by label, then by text, by code points."""
    first, second = sorted(train), sorted(test)
    both = (*first, *second)
    return Reviews(tuple(text for _, text in both), tuple(label for label, _ in both), len(first))


def fingerprint(reviews: Reviews) -> str:
    """The sha256 of the reviews in their order: of each a line `split label bytes`, then its text, in UTF-8."""
    digest = hashlib.sha256()
    for index, (text, label) in enumerate(zip(reviews.texts, reviews.labels, strict=True)):
        content = text.encode("utf-8")
        split = "train" if index < reviews.train else "test"
        digest.update(f"{split} {label} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
