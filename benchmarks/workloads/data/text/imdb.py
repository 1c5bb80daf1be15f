"""The 50,000 labelled IMDb reviews (Maas et al., 2011): from a folder, an archive or Hugging Face, always the same.

Whatever the source, the reviews are put into one order and its sha256 is compared with the data card's. An archive is
read in memory: nothing is extracted, so that no path in it matters.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from benchmarks.errors import UserError
from benchmarks.workloads.data import archives
from benchmarks.workloads.data.archives import Bounds
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import REVIEW_FOLDERS, SENTIMENTS, locate, missing, server_error
from benchmarks.workloads.data.text.reviews import Labelled, Reviews, fingerprint, ordered
from results import reading

# The published archive has 100,031 members in some 300 MB, its longest review 14 kB; all labelled ones have 66 MB.
BOUNDS = Bounds(unpacked_bytes=2**30, member_bytes=2**20, members=200_000)
REPOSITORY = "stanfordnlp/imdb"
NOT_INSTALLED = "for which the package datasets is not installed"


class Unavailable(Exception):
    """The reviews cannot be downloaded. Its text continues a sentence that says where they were looked for."""


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
        reviews = download()
    except Unavailable as error:
        raise missing(card, also=f", then at Hugging Face ({REPOSITORY}), {error}") from error
    return _verified(card, ordered(*reviews), "Hugging Face's copy")


def read_place(card: DataCard, place: Path) -> Reviews:
    """Returns all labelled reviews from the folder or archive at `place`. Raises UserError as `read` does."""
    splits: dict[str, list[Labelled]] = {"train": [], "test": []}
    path = ""
    try:
        for path, content in _in_folder(card, place) if place.is_dir() else _in_archive(card, place):
            split, sentiment, _ = path.split("/")
            splits[split].append((SENTIMENTS.index(sentiment), content.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{card.title}: {path} in {place} is not UTF-8 text (byte {error.start + 1} is "
            f"{error.object[error.start]:#04x}), so the file is damaged: {card.obtain}."
        ) from error
    except archives.UNREADABLE as error:
        message = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")  # tarfile lists all that it tried
        raise UserError(f"{card.title} in {place} is damaged or cannot be read ({message}): {card.obtain}.") from error
    return _verified(card, ordered(splits["train"], splits["test"]), str(place))


def _verified(card: DataCard, reviews: Reviews, place: str) -> Reviews:
    """Returns the reviews. Raises UserError, naming the place, where they are not those of the data card."""
    counts = [
        labels.count(label)
        for labels in (reviews.labels[: reviews.train], reviews.labels[reviews.train :])
        for label in (0, 1)
    ]
    published = [samples // card.classes for samples in (card.train_samples, card.test_samples) for _ in SENTIMENTS]
    sha256 = fingerprint(reviews)
    if counts != published:
        problem = f"{counts} reviews in {', '.join(REVIEW_FOLDERS)}, not the published {published}"
    elif sha256 != card.fingerprint:
        problem = f"other reviews than the published ones (sha256 {sha256}, the data card says {card.fingerprint})"
    else:
        return reviews
    raise UserError(f"{card.title}: {place} holds {problem}; it was left as it was: move it away, then {card.obtain}.")


def _in_folder(card: DataCard, place: Path) -> Iterator[tuple[str, bytes]]:
    """Yields path, SPLIT/SENTIMENT/FILE, and content of each review in an unpacked folder."""
    for inner in REVIEW_FOLDERS:
        if not (place / inner).is_dir():
            raise UserError(
                f"{card.title}: {place} has no folder {inner}, but it needs {', '.join(REVIEW_FOLDERS)} with one .txt "
                f"file per review: {card.obtain}."
            )
        for name in sorted(os.listdir(place / inner)):
            if _is_review(name):
                yield f"{inner}/{name}", reading.content(place / inner / name, BOUNDS.member_bytes)


def _in_archive(card: DataCard, place: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the same of an archive. One of the published name must have the published checksum."""

    def select(path: str) -> str | None:
        *_, top, split, sentiment, name = ["", "", "", *PurePosixPath(path).parts]
        is_review = top == card.published.folder and f"{split}/{sentiment}" in REVIEW_FOLDERS and _is_review(name)
        return f"{split}/{sentiment}/{name}" if is_review else None

    with reading.opened(place, archives.PACKED_BYTES) as stream:
        if place.name == card.published.archive:
            archives.check_archive(card, place, stream)
        yield from archives.files(stream, BOUNDS, select)


def _is_review(name: str) -> bool:
    return name.endswith(".txt") and not name.startswith(".")  # some unpackers leave ._0_9.txt beside 0_9.txt


def download() -> tuple[list[Labelled], list[Labelled]]:
    """Returns labels and texts of both splits, through the package `datasets`, which keeps its own cache.

    With $HF_HUB_OFFLINE set only that cache is asked. Raises Unavailable where the package or the data is missing.
    """
    if why := obstacle():
        raise Unavailable(why)
    try:
        from datasets import load_dataset  # type: ignore[attr-defined]

        splits = load_dataset(REPOSITORY)
        train, test = (
            list(zip(splits[name]["label"], splits[name]["text"], strict=True)) for name in ("train", "test")
        )
    except ImportError as error:  # Python found the folder of data cards in its stead
        raise Unavailable(NOT_INSTALLED) from error
    except Exception as error:  # of many kinds and packages, all of which mean the same here
        message = " ".join(str(error).split()) or type(error).__name__
        raise Unavailable(f"which failed ({message.rstrip('.')})") from error
    return train, test


def obstacle() -> str:
    """Returns why the reviews cannot be downloaded, as the text of `Unavailable`; "" where no reason is known.

    Takes some seconds at most, and imports nothing of the package `datasets`.
    """
    try:
        importlib.metadata.version("datasets")
    except importlib.metadata.PackageNotFoundError:
        return NOT_INSTALLED
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return ""
    silence = server_error(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    return f"which does not answer ({silence}; if it was downloaded before, set HF_HUB_OFFLINE=1)" if silence else ""
