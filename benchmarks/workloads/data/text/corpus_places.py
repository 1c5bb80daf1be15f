"""Finds long texts on a disk: a file, or IMDb's reviews, of which one text is made."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import places
from benchmarks.workloads.data.text import imdb_places


def of_reviews(card: DataCard) -> bool:
    """Returns whether the text is made of IMDb's reviews, and not one file."""
    return not card.published.archive.endswith(".txt")


def locate(card: DataCard, folder: Path | None = None) -> Path | None:
    """Returns the first place that holds the text, or None; opens nothing."""
    if of_reviews(card):
        return imdb_places.locate(card, folder)
    for place in places(folder):
        for path in (place, *(place / name for name in _names(card))):
            if os.path.isfile(path):
                return path
    return None


def missing(card: DataCard, folder: Path | None = None) -> UserError:
    """Returns the error for a missing text: what was looked for, where, and how to get it."""
    if of_reviews(card):
        return imdb_places.missing(card, folder)
    looked = ", then in ".join(map(str, places(folder)))
    return UserError(f"{card.title} is missing: looked for {' and '.join(_names(card))} in {looked}; {card.obtain}.")


def _names(card: DataCard) -> tuple[str, str]:
    """Returns the file's name, and its path as published, in a folder of its own."""
    published = card.published
    return published.archive, f"{published.folder}/{PurePosixPath(published.url).name}"
