"""Looks for the IMDb reviews: a folder, an archive, or neither."""

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
    """The first folder or archive in the places where `read` looks, or None; nothing is opened.

    Whether it is sound is not asked: a broken one is named by `read`, never passed over.
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
    """Error for reviews that are missing: what was looked for, where (`also` at the end), and how to get it."""
    looked, wanted = ", then in ".join(map(str, places(folder))), card.published
    return UserError(
        f"{card.title} is missing: looked for {wanted.folder}/ and {', '.join(_archives(wanted))} in {looked}{also}; "
        f"{card.obtain}."
    )


def class_folders(place: Path) -> tuple[Path, ...]:
    """The four folders of reviews."""
    return tuple(place / split / KINDS[label] for split, label in FOLDERS)


def _archives(download: Download) -> tuple[str, ...]:
    """The published archive's name, then what it is called when packed in another way."""
    stem = download.archive.removesuffix(".tar.gz")
    return tuple(stem + packing for packing in _PACKINGS)
