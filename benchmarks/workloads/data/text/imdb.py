"""The 50,000 labelled IMDb reviews (Maas et al., 2011): from a folder, an archive or Hugging Face, always the same.

Whatever the source, the reviews are put into one order and its sha256 is compared with the data card's. An archive is
read in memory: nothing is extracted, so that no path in it matters.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from benchmarks.errors import UserError
from benchmarks.workloads.data import archives
from benchmarks.workloads.data.archives import Bounds, OutOfBounds
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.checksums import check_archive
from benchmarks.workloads.data.text import huggingface
from benchmarks.workloads.data.text.imdb_places import FOLDERS, KINDS, class_folders, locate, missing
from benchmarks.workloads.data.text.reviews import Labelled, Reviews, fingerprint, ordered
from results import reading

# The published archive has 100,031 members in some 300 MB, its longest review 14 kB; all labelled ones have 66 MB.
BOUNDS = Bounds(unpacked_bytes=2**30, member_bytes=2**20, members=200_000)
_TEXT_BYTES = 2**28


class _File(NamedTuple):
    split: str
    label: int
    name: str
    content: bytes


def read(card: DataCard, *, folder: Path | None = None) -> Reviews:
    """Returns all labelled reviews, verified.

    Looked for in `folder`, and nowhere else, where it is given; otherwise in $BENCHMARKS_DATA, then in the cache, and
    at last at Hugging Face. Each place may hold the folder aclImdb, be it, or hold an archive (.tar.gz, .tar.xz, .tar).

    Raises UserError where the reviews are missing or are not the published ones; nothing found is changed.
    """
    place = locate(card, folder)
    if place is not None:
        return read_place(card, place)
    if folder is not None:
        raise missing(card, folder)
    try:
        reviews = huggingface.download()
    except huggingface.Unavailable as error:
        raise missing(card, also=f", then at Hugging Face ({huggingface.REPOSITORY}), {error}") from error
    return verified(card, ordered(*reviews), "Hugging Face's copy")


def read_place(card: DataCard, place: Path) -> Reviews:
    """Returns all labelled reviews from the folder or archive at `place`. Raises UserError as `read` does."""
    splits: dict[str, list[Labelled]] = {"train": [], "test": []}
    try:
        for file in _bounded(_in_folder(card, place) if place.is_dir() else _in_archive(card, place)):
            splits[file.split].append((file.label, _text(card, place, file)))
    except archives.UNREADABLE as error:
        message = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")  # tarfile lists all that it tried
        raise UserError(f"{card.title} in {place} is damaged or cannot be read ({message}): {card.obtain}.") from error
    return verified(card, ordered(splits["train"], splits["test"]), str(place))


def verified(card: DataCard, reviews: Reviews, place: str) -> Reviews:
    """Returns the reviews. Raises UserError, naming the place, where they are not those of the data card."""
    labels = {"train": reviews.labels[: reviews.train], "test": reviews.labels[reviews.train :]}
    samples = {"train": card.train_samples, "test": card.test_samples}
    for split, label in FOLDERS:
        count, published = labels[split].count(label), samples[split] // card.classes
        if count != published:
            raise UserError(
                f"{card.title}: {place} holds {count} reviews in {split}/{KINDS[label]}, not the published {published};"
                f" it was left as it is: move it away, then {card.obtain}."
            )
    if (sha256 := fingerprint(reviews)) != card.fingerprint:
        raise UserError(
            f"{card.title}: the reviews in {place} are not the published ones (sha256 {sha256}, the data card says "
            f"{card.fingerprint}); it is left as it was: move it away, then {card.obtain}."
        )
    return reviews


def _bounded(files: Iterator[_File]) -> Iterator[_File]:
    size = 0
    for file in files:
        size += len(file.content)
        if size > _TEXT_BYTES:
            raise OutOfBounds(f"its reviews have more than {_TEXT_BYTES:,} bytes")
        yield file


def _in_folder(card: DataCard, place: Path) -> Iterator[_File]:
    for (split, label), inner in zip(FOLDERS, class_folders(place), strict=True):
        if not inner.is_dir():
            needed = ", ".join(f"{split}/{KINDS[label]}" for split, label in FOLDERS)
            raise UserError(
                f"{card.title}: {place} has no folder {split}/{KINDS[label]}, but it needs {needed} with one .txt file "
                f"per review: {card.obtain}."
            )
        for name in sorted(os.listdir(inner)):
            if _is_review(name):
                yield _File(split, label, name, reading.content(inner / name, BOUNDS.member_bytes))


def _is_review(name: str) -> bool:
    return name.endswith(".txt") and not name.startswith(".")  # some unpackers leave ._0_9.txt beside 0_9.txt


def _in_archive(card: DataCard, place: Path) -> Iterator[_File]:
    """Yields the reviews of an archive. One of the published name must have the published checksum."""
    with reading.opened(place, archives.PACKED_BYTES) as stream:
        if place.name == card.published.archive:
            check_archive(card, place, stream)
        for member, tar in archives.members(stream, BOUNDS):
            parts = _member(member.name, card.published.folder)
            if parts is not None and member.isfile():
                yield _File(*parts, _content(card, place, tar, member))


def _content(card: DataCard, place: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > BOUNDS.member_bytes:
        raise UserError(
            f"{card.title}: {member.name} in {place} has {member.size} bytes, which no review has; it was not "
            f"read: move the archive away, then {card.obtain}."
        )
    return archives.content(tar, member)


def _member(path: str, folder: str) -> tuple[str, int, str] | None:
    """Returns split, label and file name of a labelled review, by its path in an archive; None for any other file."""
    match PurePosixPath(path).parts:
        case (*_, top, split, kind, name) if top == folder and split in ("train", "test") and kind in KINDS:
            return (split, KINDS.index(kind), name) if _is_review(name) else None
    return None


def _text(card: DataCard, place: Path, file: _File) -> str:
    try:
        return file.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{card.title}: {file.split}/{KINDS[file.label]}/{file.name} in {place} is not UTF-8 text (byte "
            f"{error.start + 1} is {file.content[error.start]:#04x}), so the file is damaged: {card.obtain}."
        ) from error
