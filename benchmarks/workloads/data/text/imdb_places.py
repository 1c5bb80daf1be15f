"""Finds the IMDb reviews on a disk: a folder or an archive."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard, Download
from benchmarks.workloads.data.places import places

KINDS = ("neg", "pos")
"""The folders of the two classes, by label."""
FOLDERS = tuple((split, label) for split in ("train", "test") for label in range(len(KINDS)))
"""(split, label) of each folder of reviews."""

_PACKINGS = (".tar.gz", ".tar.xz", ".tar")


def locate(card: DataCard, folder: Path | None = None) -> Path | None:
    """Returns the first folder or archive in the places where `imdb.read` looks, or None; opens nothing.

    A broken one is returned as well, so that `read` names what is wrong.
    """
    download = card.published
    for place in places(folder):
        for name in (download.folder, *_archives(download)):
            if os.path.exists(place / name):  # False, not an error, where looking is forbidden
                return place / name
        itself = place.name == download.folder and os.path.isdir(place)
        if itself or os.path.isfile(place) or any(map(os.path.isdir, class_folders(place))):
            return place
    return None


def missing(card: DataCard, folder: Path | None = None, *, also: str = "") -> UserError:
    """Returns the error for missing reviews: what was looked for, where (`also` at the end), and how to get it."""
    looked, source = ", then in ".join(map(str, places(folder))), card.published
    return UserError(
        f"{card.title} is missing: looked for {source.folder}/ and {', '.join(_archives(source))} in {looked}{also}; "
        f"{card.obtain}."
    )


def class_folders(place: Path) -> tuple[Path, ...]:
    """Returns the four folders of reviews, one per split and class."""
    return tuple(place / split / KINDS[label] for split, label in FOLDERS)


def _archives(download: Download) -> tuple[str, ...]:
    """Returns the published archive's name, then its names in other packings."""
    stem = download.archive.removesuffix(".tar.gz")
    return tuple(stem + packing for packing in _PACKINGS)
