"""Image folders: FOLDER/train/CLASS/*.JPEG and FOLDER/val/CLASS/*.JPEG, found and listed without opening an image.

Imports neither torch nor Pillow, so that a plan can name what is there. A folder's identity is that of its files' names
and sizes: their contents, 150 GB of ImageNet-1k, are not hashed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import UserError
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import places

TRAIN, TEST = "train", ("val", "test")
IMAGES = (".jpeg", ".jpg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""The endings that torchvision's ImageFolder knows, in lower case."""
USUAL = ("imagenet", "ILSVRC/Data/CLS-LOC")
IMAGENETTE = frozenset(
    "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 n03888257".split()
)
"""The ten classes of fast.ai's Imagenette, https://github.com/fastai/imagenette."""
_LISTERS = 8  # a network's file system answers each question late, but many at once


class Identified(NamedTuple):
    """Content of a folder: the sha256 of its files' names and sizes, and numbers of classes and samples."""

    sha256: str
    classes: int
    train_samples: int
    test_samples: int


@dataclass(frozen=True)
class Files:
    """One split: the names of its images, class by class, and how many of them each class has."""

    folder: str
    names: tuple[str, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """A listed folder: a class's label is its place in `classes`, which are sorted."""

    classes: tuple[str, ...]
    train: Files
    test: Files
    identified: Identified


def find(card: DataCard, folder: Path | None = None) -> Identified | None:
    """Content of the card's folder on this machine; None if there is no folder. Raises UserError like `index`."""
    place = locate(card, folder)
    return None if place is None else index(place).identified


def locate(card: DataCard, folder: Path | None = None) -> Path | None:
    """The card's folder: in `folder`, and nowhere else, where it is given; else in $BENCHMARKS_DATA, then the cache.

    Each may be the folder, or hold it as `imagenet`, as `ILSVRC/Data/CLS-LOC`, or, if it is the only one, under any
    name but that of another card's images. Whether it is sound is not asked: a broken one is named by `index`, never
    passed over.

    Raises UserError where a place holds several folders of images and none of a usual name.
    """
    for place in places(folder):
        if _looks_right(place) or (folder is not None and (place / TRAIN).is_dir()):
            return place
        for candidate in (place / name for name in USUAL):
            if candidate.is_dir():
                return candidate
        taken = {tree.folder for name in cards.names() if (tree := cards.card(name).tree) is not None}
        inside = sorted(path for path in _folders(place) if path.name not in taken and _looks_right(path))
        if len(inside) > 1:
            found = ", ".join(path.name for path in inside)
            raise UserError(
                f"{card.title}: {place} holds several folders of images ({found}): name one, such as "
                f"`python -m benchmarks run table5 --scale small --data {inside[0]}`, or call it {USUAL[0]}."
            )
        if inside:
            return inside[0]
    return None


def form(card: DataCard, place: Path) -> DataCard:
    """The card with the numbers of the folder at `place`, and called what that is. Raises UserError as `index` does.

    It is the card's own data set where all its numbers are; they are said in the label all the same.
    """
    tree = index(place)
    _, classes, train, test = tree.identified
    said = f"{classes:,} {'class' if classes == 1 else 'classes'}, {train:,} training and {test:,} test images"
    title = card.title
    if (classes, train, test) != (card.classes, card.train_samples, card.test_samples):
        imagenette = place.name.startswith("imagenette2") and set(tree.classes) == IMAGENETTE
        title = "Imagenette" if imagenette else f"{place.name} (a folder of images)"
        said += f" ({card.title}: {card.classes:,} classes, {card.train_samples:,} and {card.test_samples:,})"
    return replace(card, title=title, label=f"{title}: {said}", classes=classes, train_samples=train, test_samples=test)


def missing(card: DataCard, folder: Path | None = None) -> UserError:
    """Error for a folder that is missing: where it was looked for, and how to get it."""
    looked = ", then ".join(str(place) for place in places(folder))
    return UserError(
        f"{card.title} is missing: looked for {TRAIN}/ and {TEST[0]}/, each with a folder of images per class, in "
        f"{looked}, and in {' and '.join(USUAL)} there; {card.obtain}."
    )


@lru_cache(maxsize=2)  # two, as long as a change of folders takes: the names of ImageNet's files fill 130 MB
def index(place: Path) -> Tree:
    """List the folder at `place`, once per process: what is changed in it afterwards goes unnoticed.

    Hidden files, and files that are no images by their endings, are passed over.
    Raises UserError where train/, val/, a class or every image of a class is missing, or classes differ.
    """
    train, test = _split(place, (TRAIN,)), _split(place, TEST)
    if train.keys() != test.keys():
        lost = sorted(train.keys() ^ test.keys())
        raise UserError(
            f"{place}: {TRAIN}/ has {len(train)} classes and {TEST[0]}/ has {len(test)}, and {lost[0]} is in one of "
            f"them only: both splits need a folder of the same name for every class."
        )
    classes = tuple(sorted(train))
    digest = hashlib.sha256()
    for split, found in (("train", train), ("test", test)):
        for kind in classes:
            lines = (
                b"%s %s %d\n" % (split.encode(), os.fsencode(f"{kind}/{name}"), size) for name, size in found[kind]
            )
            digest.update(b"".join(lines))
    files = _files(place, (TRAIN,), classes, train), _files(place, TEST, classes, test)
    return Tree(classes, *files, Identified(digest.hexdigest(), len(classes), *(len(part.names) for part in files)))


Listing = list[tuple[str, int]]  # names and sizes in bytes


def _files(place: Path, names: tuple[str, ...], classes: tuple[str, ...], found: dict[str, Listing]) -> Files:
    listings = [found[kind] for kind in classes]
    images = tuple(name for name, _ in chain.from_iterable(listings))
    return Files(str(_folder_of(place, names)), images, tuple(map(len, listings)))


def _split(place: Path, names: tuple[str, ...]) -> dict[str, Listing]:
    """Class -> its images, sorted."""
    folder = _folder_of(place, names)
    try:
        classes = list(_folders(folder))
        with ThreadPoolExecutor(_LISTERS) as threads:
            found = dict(zip((path.name for path in classes), threads.map(_images, classes), strict=True))
        loose = ", but images that belong into such folders" if not found and _images(folder) else ""
    except OSError as error:
        raise UserError(f"{folder} cannot be listed ({error}): make it readable.") from error
    if not found:
        raise UserError(
            f"{folder} has no folder per class{loose}: every image lies in {folder.name}/CLASS/, as torchvision's "
            f"ImageFolder reads them."
        )
    if empty := sorted(name for name, images in found.items() if not images):
        raise UserError(f"{folder / empty[0]} has no images ({', '.join(IMAGES)}): fill it, or remove it.")
    return found


def _folder_of(place: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (place / name).is_dir():
            return place / name
    raise UserError(
        f"{place} has no folder {' or '.join(f'{name}/' for name in names)}: it needs {TRAIN}/ and {TEST[0]}/, each "
        f"with a folder of images per class."
    )


def _images(folder: Path) -> Listing:
    with os.scandir(folder) as entries:
        return sorted((entry.name, _size(entry)) for entry in entries if _is_image(entry.name))


def _size(entry: os.DirEntry[str]) -> int:
    found = entry.stat()
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{entry.path} is no regular file, as every image has to be: remove it.")
    return found.st_size


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGES) and not name.startswith(".")


def _folders(place: Path) -> Iterator[Path]:
    """The folders in a folder, without the hidden ones; nothing where it cannot be looked into."""
    if os.path.isdir(place) and os.access(place, os.R_OK | os.X_OK):
        with os.scandir(place) as entries:
            yield from (place / entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _looks_right(place: Path) -> bool:
    """Whether there are train/ and val/ (or test/), and an image in a class: reviews lie in a tree like that, too."""
    if not any(os.path.isdir(place / name) for name in TEST):
        return False
    first = next(_folders(place / TRAIN), None)
    if first is None or not os.access(first, os.R_OK | os.X_OK):
        return False
    return _has_images(first, first.stat().st_mtime_ns)


@lru_cache(maxsize=64)  # a plan asks at every run, and 12,500 reviews are looked through in vain
def _has_images(folder: Path, changed: int) -> bool:
    """changed: when names in it last were, in nanoseconds."""
    with os.scandir(folder) as entries:
        return any(_is_image(entry.name) for entry in entries)
