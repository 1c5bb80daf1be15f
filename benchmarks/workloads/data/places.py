"""Finds published data on this machine without opening it, and names the folders to look in.

An image folder has a search of its own: `images.folder_tree`.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path, PurePosixPath

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard

VARIABLE = "BENCHMARKS_DATA"
SENTIMENTS = ("neg", "pos")
"""Folders of IMDb's two classes, by label."""
REVIEW_FOLDERS = tuple(f"{split}/{sentiment}" for split in ("train", "test") for sentiment in SENTIMENTS)
_ANSWER_SECONDS = 5.0


def places(folder: Path | None) -> list[Path]:
    """Returns the folders to look in: `folder` alone if the user named one, else $BENCHMARKS_DATA, then the cache."""
    variable = os.environ.get(VARIABLE)
    usual = [*([Path(variable)] if variable else []), cache_folder()]
    return [place.expanduser() for place in ([folder] if folder else usual)]


def cache_folder() -> Path:
    """Returns the folder of downloads: `benchmarks` below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchmarks"


def locate(card: DataCard, folder: Path | None = None) -> Path | None:
    """Returns the first file or folder that holds a download, or None.

    Each place may hold the data (unpacked, as an archive, as a tree of images), or be one of these. A damaged copy is
    returned as well, so that its reader says what is wrong with it.
    """
    for place in places(folder):
        for name in _names(card):
            if os.path.exists(place / name):  # False, not an error, where looking is forbidden
                return place / name
        if _is_download(card, place):
            return place
    return None


def missing(card: DataCard, folder: Path | None = None, *, also: str = "") -> UserError:
    """Returns the error for missing data: what was looked for, where (`also` is added to it), and how to get it."""
    looked = ", then in ".join(map(str, places(folder)))
    return UserError(f"{card.title} is missing: looked for {', '.join(_names(card))} in {looked}{also}; {card.obtain}.")


def holds_reviews(card: DataCard) -> bool:
    """Returns whether the download is IMDb's reviews: labelled texts, or one long text made of them."""
    return card.kind != "images" and not card.published.archive.endswith(".txt")


def is_tree(card: DataCard, place: Path) -> bool:
    """Returns whether a place is the card's tree of images, by its name."""
    return card.tree is not None and os.path.basename(os.path.abspath(place)) == card.tree.folder


def form(card: DataCard, place: Path | None) -> DataCard:
    """Returns the card of the form at `place`: of a tree with its fingerprint and label, else as published."""
    if place is None or not is_tree(card, place):
        return card
    return replace(card, fingerprint=card.as_tree.sha256, label=card.as_tree.label)


def server_error(address: str) -> str:
    """Returns why the server of a URL does not answer within 5 s; "" if it does, whatever it answers."""
    try:
        request = urllib.request.Request(address, method="HEAD")
        urllib.request.urlopen(request, timeout=_ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error))
    return ""


def _names(card: DataCard) -> tuple[str, ...]:
    """Returns the names that the download may have in a place."""
    published = card.published
    if card.kind == "images":
        return (published.folder, published.archive, *([card.tree.folder] if card.tree is not None else []))
    if holds_reviews(card):
        stem = published.archive.removesuffix(".tar.gz")
        return published.folder, *(stem + packing for packing in (".tar.gz", ".tar.xz", ".tar"))
    return published.archive, f"{published.folder}/{PurePosixPath(published.url).name}"


def _is_download(card: DataCard, place: Path) -> bool:
    """Returns whether a place is itself the download, by its name or by what lies in it."""
    if os.path.basename(os.path.abspath(place)) in _names(card) and os.path.exists(place):
        return True
    if card.kind == "images":
        return all(os.path.isfile(place / file.name) for file in card.published.split("train"))
    folders = REVIEW_FOLDERS if holds_reviews(card) else ()
    return os.path.isfile(place) or any(os.path.isdir(place / name) for name in folders)
