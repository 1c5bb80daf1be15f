"""Image folders, FOLDER/train/CLASS/*.JPEG and FOLDER/val/CLASS/*.JPEG: found and listed without opening an image.

Imports neither torch nor Pillow, so that a plan can name what is there. A folder's identity is that of its files' names
and sizes: their contents, 150 GB of ImageNet-1k, are not hashed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.class_folders import TRAIN, Classes, list_splits
from benchmarks.workloads.data.places import places

TEST = ("val", "test")
IMAGES = (".jpeg", ".jpg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""The endings that torchvision's ImageFolder knows, in lower case."""
USUAL = ("imagenet", "ILSVRC/Data/CLS-LOC")
IMAGENETTE = frozenset(
    "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 n03888257".split()
)
"""The ten classes of fast.ai's Imagenette, https://github.com/fastai/imagenette."""


@dataclass(frozen=True)
class Files:
    """The images of one split: names, class by class, and how many each class has."""

    folder: str
    names: tuple[str, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """A listed folder: a class's label is its index in `classes`, which are sorted.

    sha256: of the files' names and sizes, which identify the folder.
    """

    classes: tuple[str, ...]
    train: Files
    test: Files
    sha256: str

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Returns the numbers of classes, training samples and test samples."""
        return len(self.classes), len(self.train.names), len(self.test.names)


def find(card: DataCard, folder: Path | None = None) -> Tree | None:
    """Returns the card's folder on this machine, listed, or None. Raises UserError like `index`."""
    place = locate(card, folder)
    return None if place is None else index(place)


def locate(card: DataCard, folder: Path | None = None) -> Path | None:
    """Returns the card's folder: in `folder` alone where it is given; else in $BENCHMARKS_DATA, then in the cache.

    Each of these may be the folder, or hold it as `imagenet`, as `ILSVRC/Data/CLS-LOC`, or, if it is the only one,
    under any name but that of another card's images. A broken folder is returned as well, so that `index` names what is
    wrong. Raises UserError where a place holds several folders of images and none of a usual name.
    """
    for place in places(folder):
        if _is_image_folder(place) or (folder is not None and (place / TRAIN).is_dir()):
            return place
        for candidate in (place / name for name in USUAL):
            if candidate.is_dir():
                return candidate
        other_cards = {tree.folder for name in cards.names() if (tree := cards.card(name).tree) is not None}
        inside = sorted(path for path in _folders(place) if path.name not in other_cards and _is_image_folder(path))
        if len(inside) > 1:
            names = ", ".join(path.name for path in inside)
            raise UserError(
                f"{card.title}: {place} holds several folders of images ({names}): name one, such as "
                f"`python -m benchmarks run table5 --scale small --data {inside[0]}`, or call it {USUAL[0]}."
            )
        if inside:
            return inside[0]
    return None


def form(card: DataCard, place: Path) -> DataCard:
    """Returns the card with the numbers and the name of the folder at `place`. Raises UserError as `index` does.

    It keeps the card's title where all its numbers agree.
    """
    tree = index(place)
    classes, train, test = tree.numbers
    sizes = f"{classes:,} {'class' if classes == 1 else 'classes'}, {train:,} training and {test:,} test images"
    title = card.title
    if (classes, train, test) != card.numbers:
        imagenette = place.name.startswith("imagenette2") and set(tree.classes) == IMAGENETTE
        title = "Imagenette" if imagenette else f"{place.name} (a folder of images)"
        sizes += f" ({card.title}: {card.classes:,} classes, {card.train_samples:,} and {card.test_samples:,})"
    return replace(
        card, title=title, label=f"{title}: {sizes}", classes=classes, train_samples=train, test_samples=test
    )


def missing(card: DataCard, folder: Path | None = None) -> UserError:
    """Returns the error for a missing folder: where it was looked for, and how to get it."""
    looked = ", then ".join(str(place) for place in places(folder))
    return UserError(
        f"{card.title} is missing: looked for {TRAIN}/ and {TEST[0]}/, each with a folder of images per class, in "
        f"{looked}, and in {' and '.join(USUAL)} there; {card.obtain}."
    )


@lru_cache(maxsize=2)  # two, as long as a change of folders takes: the names of ImageNet's files fill 130 MB
def index(place: Path) -> Tree:
    """Lists the folder at `place`, once per process: later changes in it go unnoticed.

    Hidden files, and files that are no images by their endings, are passed over. Raises UserError where train/, val/, a
    class or every image of a class is missing, or classes differ.
    """
    splits = list_splits(place, IMAGES, TEST)
    digest = hashlib.sha256()
    for split, classes in zip(("train", "test"), splits.values(), strict=True):
        for name, files in classes.items():
            lines = (b"%s %s %d\n" % (split.encode(), os.fsencode(f"{name}/{file.name}"), file.size) for file in files)
            digest.update(b"".join(lines))
    train, test = (_files(place / name, classes) for name, classes in splits.items())
    return Tree(tuple(splits[TRAIN]), train, test, digest.hexdigest())


def _files(folder: Path, classes: Classes) -> Files:
    names = tuple(file.name for files in classes.values() for file in files)
    return Files(str(folder), names, tuple(map(len, classes.values())))


def _folders(place: Path) -> Iterator[Path]:
    """Yields the folders in a folder that are not hidden; nothing where it cannot be read."""
    if os.path.isdir(place) and os.access(place, os.R_OK | os.X_OK):
        with os.scandir(place) as entries:
            yield from (place / entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _is_image_folder(place: Path) -> bool:
    """Returns whether there are train/ and val/ (or test/), and an image in a class.

    IMDb's reviews lie in such a tree, too, without images.
    """
    if not any(os.path.isdir(place / name) for name in TEST):
        return False
    first = next(_folders(place / TRAIN), None)
    if first is None or not os.access(first, os.R_OK | os.X_OK):
        return False
    return _has_images(first, first.stat().st_mtime_ns)


@lru_cache(maxsize=64)  # a plan asks at every run, and looks through 12,500 reviews in vain
def _has_images(folder: Path, changed: int) -> bool:
    """Returns whether the folder has images. changed: its modification time, as part of the cache's key."""
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(IMAGES) and not entry.name.startswith(".") for entry in entries)
