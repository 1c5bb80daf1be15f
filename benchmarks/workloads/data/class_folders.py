"""Lists folders of samples, SPLIT/CLASS/FILE, or CLASS/FILE with a part held out. Opens no file.

A label is a class's index among the sorted names; files are ordered by split, class and name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import UserError

TRAIN = "train"
_LISTERS = 8  # a network's file system answers each question late, but many at once


class Entry(NamedTuple):
    """Name of a file, with its size in bytes and its modification time in ns, which show whether it changed."""

    name: str
    size: int
    changed: int


Classes = dict[str, list[Entry]]
"""Class -> its files, both sorted."""


class ClassFile(NamedTuple):
    """A sample. name: SPLIT/CLASS/FILE, with "test" for the test split whatever its folder is called."""

    name: str
    path: str
    label: int
    size: int
    changed: int


def list_classes(folder: Path, endings: tuple[str, ...], *, strict: bool = False) -> Classes:
    """Lists CLASS/FILE below a folder. Hidden files, and those with other endings than `endings`, are passed over.

    strict: follow no links, and refuse everything but class folders and, in these, regular files.

    Raises UserError for a file that is not regular, where there is no class, a class has no files, or a folder cannot
    be listed.
    """
    try:
        entries = _entries(folder, (), follow_links=not strict)
        names = sorted(name for name, status in entries if stat.S_ISDIR(status.st_mode))
        if strict and len(names) < len(entries):
            stray = next(name for name, _ in entries if name not in names)
            raise UserError(f"{folder / stray} is no folder, and only class folders may lie there: remove it.")
        if not names:
            raise UserError(f"{folder} has no folder per class: every file lies in {folder.name}/CLASS/.")
        with ThreadPoolExecutor(_LISTERS) as threads:
            files = threads.map(lambda name: _list_files(folder / name, endings, strict), names)
            return dict(zip(names, files, strict=True))
    except OSError as error:
        raise UserError(f"{folder} cannot be listed ({error}): make it readable.") from error


def list_splits(
    place: Path, endings: tuple[str, ...], test_names: tuple[str, ...], also: str = ""
) -> dict[str, Classes]:
    """Lists PLACE/train and the first of PLACE/`test_names` -> folder's name -> classes. Raises as `list_classes`.

    also: a further remedy, for the error where one of the two is missing; UserError is also raised where the classes of
    the two differ.
    """
    names = [name for name in (TRAIN, *test_names) if (place / name).is_dir()][:2]
    if len(names) < 2 or names[0] != TRAIN:
        raise UserError(f"{place} has no {TRAIN}/ and {test_names[0]}/, each with a folder per class: make them{also}.")
    train, test = (list_classes(place / name, endings) for name in names)
    if odd := sorted(train.keys() ^ test.keys()):
        raise UserError(
            f"{place}: the class {odd[0]} is in one of {TRAIN}/ and {names[1]}/ only: both need a folder for every "
            "class."
        )
    return dict(zip(names, (train, test), strict=True))


def own_files(
    place: Path, endings: tuple[str, ...], held_out: float | None = None
) -> tuple[list[ClassFile], list[ClassFile]]:
    """Lists the training and the test files of a user's folder: with train/ and test/, or of classes.

    held_out: the share of each class that becomes the test split, by a draw that is the same for all runs; None where
    the folder has test/ or val/. Raises UserError where the layout is another one, or there is one class alone.
    """
    if not place.is_dir():
        raise UserError(f"There is no folder {place}: the data card names it relative to its own folder.")
    if held_out is None:
        also = ", or say in the data card which share of each class is for testing, as in held_out = 0.2"
        splits = list_splits(place, endings, ("test", "val"), also)
        (_, train), (test_name, test) = splits.items()
        check_class_count(place, train)
        return class_files(place / TRAIN, "train", train), class_files(place / test_name, "test", test)
    for name in ("test", "val"):
        if (place / name).is_dir():
            raise UserError(f"{place} has {name}/: leave held_out out of the data card, or remove {name}/.")
    folder = place / TRAIN if (place / TRAIN).is_dir() else place
    classes = list_classes(folder, endings)
    check_class_count(place, classes)
    train, test = {}, {}
    for label, (name, files) in enumerate(classes.items()):
        positions = held_out_positions(name, len(files), held_out, label)
        train[name] = [file for at, file in enumerate(files) if at not in positions]
        test[name] = [file for at, file in enumerate(files) if at in positions]
    return class_files(folder, "train", train), class_files(folder, "test", test)


def class_files(folder: Path, split: str, classes: Classes) -> list[ClassFile]:
    """Returns the files of one split in order."""
    return [
        ClassFile(f"{split}/{name}/{file.name}", os.path.join(folder, name, file.name), label, file.size, file.changed)
        for label, (name, files) in enumerate(classes.items())
        for file in files
    ]


def held_out_positions(name: str, samples: int, share: float, label: int) -> set[int]:
    """Returns the positions, in a class's order, of the samples held out for testing.

    Raises UserError where none would be left for training.
    """
    from benchmarks.workloads.data.random_keys import Purpose, order  # NumPy, which plans go without

    count = max(1, round(share * samples))
    if count >= samples:
        raise UserError(f"The class {name} has {samples} samples, too few to hold {share:g} of them out: add some.")
    return set(order(samples, Purpose.SPLIT, label)[:count].tolist())


def check_class_count(place: Path, classes: Collection[str]) -> None:
    """Raises UserError where there is only one class."""
    if len(classes) == 1:
        raise UserError(f"{place} has one class, {next(iter(classes))}, and nothing to tell it from: add another.")


def _list_files(folder: Path, endings: tuple[str, ...], strict: bool) -> list[Entry]:
    files = _entries(folder, () if strict else endings, follow_links=not strict)
    for name, status in files:
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{folder / name} is no regular file, as every sample has to be: remove it.")
    if not files:
        raise UserError(f"{folder} has no files ({', '.join(endings)}): fill it, or remove it.")
    return sorted(Entry(name, status.st_size, status.st_mtime_ns) for name, status in files)


def _entries(folder: Path, endings: tuple[str, ...], *, follow_links: bool) -> list[tuple[str, os.stat_result]]:
    """Returns name and status of a folder's entries that are not hidden. endings: of their names; (): any."""
    with os.scandir(folder) as entries:
        return [
            (entry.name, entry.stat(follow_symlinks=follow_links))
            for entry in entries
            if not entry.name.startswith(".") and entry.name.lower().endswith(endings or ("",))
        ]
