"""Looks for CIFAR-10 and -100, as published or as a tree of images; opens nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import places


def locate(card: DataCard, folder: Path | None = None) -> Path | None:
    """Returns the first unpacked folder, archive or tree in the places where `cifar.read` looks, or None.

    Opens nothing: a broken one is returned as well, so that `cifar.read` names what is wrong.
    """
    trees = [card.tree.folder] if card.tree is not None else []
    for place in places(folder):
        for candidate in (place / name for name in (card.published.folder, card.published.archive, *trees)):
            if os.path.exists(candidate):  # False, not an error, where looking is forbidden
                return candidate
        itself = place.name in (card.published.folder, card.published.archive) and os.path.exists(place)
        itself = itself or (is_tree(card, place) and os.path.exists(place))
        if itself or all(os.path.isfile(place / file.name) for file in card.published.split("train")):
            return place
    return None


def is_tree(card: DataCard, place: Path) -> bool:
    """Returns whether a place is the card's tree of images: by its name, like the published forms."""
    return card.tree is not None and os.path.basename(os.path.abspath(place)) == card.tree.folder


def form(card: DataCard, place: Path | None) -> DataCard:
    """Returns the card of the form at `place`: of a tree with its fingerprint and label, else as published."""
    if place is None or not is_tree(card, place):
        return card
    return replace(card, fingerprint=card.as_tree.sha256, label=card.as_tree.label)


def missing(card: DataCard, folder: Path | None = None) -> UserError:
    """Returns the error for missing data: where they were looked for, and how to get them."""
    looked = ", then ".join(map(str, places(folder)))
    tree = f"{card.tree.folder}/ (a tree of PNG), " if card.tree is not None else ""
    return UserError(
        f"{card.title} is missing: looked for {tree}{card.published.folder}/ and {card.published.archive} in {looked}; "
        f"{card.obtain}."
    )
