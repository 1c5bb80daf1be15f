"""Lists folders of a user's data: SPLIT/CLASS/FILE, or CLASS/FILE with a part held out. Opens no file.

A label is a class's index among the sorted names; files are ordered by split, class and name.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import UserError
from benchmarks.workloads.data.random_keys import Purpose, order

TRAIN, TEST = "train", ("test", "val")


class ClassFile(NamedTuple):
    """A sample's path in the folder, its class's index, and the size and time (ns) that show whether it changed."""

    path: str
    label: int
    size: int
    changed: int


@dataclass(frozen=True)
class ClassTree:
    """The files of both splits, in order."""

    classes: tuple[str, ...]
    train: tuple[ClassFile, ...]
    test: tuple[ClassFile, ...]

    @property
    def state(self) -> str:
        """Returns a digest of all names, sizes and times, 32 hexadecimal digits: it changes when a file does."""
        lines = (f"{split} {file}\n" for split, files in (("train", self.train), ("test", self.test)) for file in files)
        return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()[:32]


def tree(place: Path, endings: Sequence[str], held_out: float | None = None) -> ClassTree:
    """Lists a folder with train/ and test/, or one folder of classes of which a share is held out for testing.

    endings: of sample files, such as ".png". held_out: the share of each class that becomes the test split. Hidden
    files and other endings are passed over. Raises UserError where a split, a class or every file of a class is
    missing, where the splits' classes differ, and for a file that is no regular one.
    """
    if not place.is_dir():
        raise UserError(
            f"There is no folder {place}: name in the data card where the data are, from where the card lies."
        )
    tests = [name for name in TEST if (place / name).is_dir()]
    try:
        if held_out is not None:
            if tests:
                raise UserError(f"{place} has {tests[0]}/: leave held_out out of the data card, or {tests[0]}/ away.")
            files_of = list_classes(place / TRAIN if (place / TRAIN).is_dir() else place, endings)
            check_class_count(place, files_of)
            return _split(files_of, held_out)
        if not tests or not (place / TRAIN).is_dir():
            raise UserError(
                f"{place} has no {TRAIN}/ and {TEST[0]}/, each with a folder per class: make them, or say in the data "
                "card which share of each class is for testing, as in held_out = 0.2."
            )
        train, test = (list_classes(place / name, endings) for name in (TRAIN, tests[0]))
    except OSError as error:
        raise UserError(f"{place} cannot be listed ({error}): make it readable.") from error
    if odd := sorted(train.keys() ^ test.keys()):
        raise UserError(
            f"{place}: the class {odd[0]} is in one of {TRAIN}/ and {tests[0]}/ only: both need a folder for every "
            "class."
        )
    check_class_count(place, train)
    return ClassTree(tuple(train), *(tuple(file for files in of.values() for file in files) for of in (train, test)))


def _split(files_of: dict[str, list[ClassFile]], held_out: float) -> ClassTree:
    """Splits the files by a draw that is the same for all runs. held_out: the share of each class for testing."""
    train: list[ClassFile] = []
    test: list[ClassFile] = []
    for label, (kind, files) in enumerate(files_of.items()):
        chosen = held_out_positions(kind, len(files), held_out, label)
        train += [file for at, file in enumerate(files) if at not in chosen]
        test += [file for at, file in enumerate(files) if at in chosen]
    return ClassTree(tuple(files_of), tuple(train), tuple(test))


def held_out_positions(kind: str, samples: int, share: float, label: int) -> set[int]:
    """Returns the positions, in a class's order, of the samples held out for testing.

    Raises UserError where none would be left for training.
    """
    count = max(1, round(share * samples))
    if count >= samples:
        raise UserError(f"The class {kind} has {samples} samples, too few to hold {share:g} of them out: add some.")
    return set(order(samples, Purpose.SPLIT, label)[:count].tolist())


def check_class_count(place: Path, kinds: Collection[str]) -> None:
    """Raises UserError where there is only one class."""
    if len(kinds) == 1:
        raise UserError(f"{place} has one class, {next(iter(kinds))}, and nothing to tell it from: add another.")


def list_classes(folder: Path, endings: Sequence[str], *, alone: bool = False) -> dict[str, list[ClassFile]]:
    """Maps class -> its files, both sorted.

    alone: refuse links, and anything but class folders (hidden files are passed over).

    Raises UserError for what is refused, where a class has no files, and for a file that is no regular one; OSError
    where a folder cannot be listed.
    """
    inside = _entries(folder, links=not alone)
    kinds = sorted(name for name, status in inside if stat.S_ISDIR(status.st_mode))
    if alone and len(kinds) < len(inside):
        stray = next(name for name, _ in inside if name not in kinds)
        raise UserError(f"{folder / stray} is no folder, as only classes may lie there: remove it.")
    if not kinds:
        raise UserError(f"{folder} has no folder per class: every file lies in {folder.name}/CLASS/.")
    files = {}
    for label, kind in enumerate(kinds):
        entries = _entries(folder / kind, links=not alone)
        samples = [(name, status) for name, status in entries if alone or name.lower().endswith(tuple(endings))]
        for name, status in samples:
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{folder / kind / name} is no regular file, as every sample has to be: remove it.")
        if not samples:
            raise UserError(f"{folder / kind} has no files ({', '.join(endings)}): fill it, or remove it.")
        files[kind] = sorted(
            ClassFile(os.path.join(folder, kind, name), label, status.st_size, status.st_mtime_ns)
            for name, status in samples
        )
    return files


def _entries(folder: Path, *, links: bool) -> list[tuple[str, os.stat_result]]:
    """Returns name and status of a folder's entries that are not hidden. links: follow symbolic links."""
    with os.scandir(folder) as entries:
        return [(entry.name, entry.stat(follow_symlinks=links)) for entry in entries if not entry.name.startswith(".")]
