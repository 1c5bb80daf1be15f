"""Data cards: what is known about a data set before any of it is read (`datasets/*.toml`)."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks.checkout import CHECKOUT
from benchmarks.errors import UserError
from methods.errors import unknown

CARDS = CHECKOUT / "datasets"
Kind = Literal["images", "text", "folder", "corpus"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of training images: a random crop of the padded image, and a mirror image.

    `crop_padding`: black pixels added on each side before the crop; 0 leaves the crop out. `flip` mirrors half of the
    images left to right. `resized_crop`, for image folders alone, is torchvision's RandomResizedCrop (8 to 100 % of the
    area, at 3:4 to 4:3); without it an image is cropped as for evaluation.
    """

    crop_padding: int = 0
    flip: bool = False
    resized_crop: bool = False


@dataclass(frozen=True)
class DataFile:
    """One file of a download: its published md5, and the split ("train", "test" or "meta") that it belongs to."""

    name: str
    md5: str
    split: str


@dataclass(frozen=True)
class Download:
    """A published download: where its files are, and how they lie on a disk.

    `labels_key` and `files` are CIFAR's; a download without them is pinned by its archive's checksum alone.
    """

    url: str
    archive: str
    """The archive's file name."""
    md5: str
    """The archive's published checksum."""
    folder: str
    """The folder inside the archive, and below the user's data folder."""
    labels_key: str = ""
    """Where a file keeps its labels."""
    files: tuple[DataFile, ...] = ()

    def split(self, name: str) -> tuple[DataFile, ...]:
        """Returns the files of one split, in their published order."""
        return tuple(file for file in self.files if file.split == name)


@dataclass(frozen=True)
class ImageTree:
    """A copy of the data as lossless files, FOLDER/{train,test}/CLASS/NAME.png, in another order than the download's.

    `sha256` is of names and pixels (`arrays.files_fingerprint`). `label` describes it for people.
    """

    folder: str
    sha256: str
    label: str


@dataclass(frozen=True)
class OwnData:
    """A user's own data.

    file: the card; place: the folder or file with the data; held_out: the share held out for testing.

    That share is of each class, drawn; of a corpus, at its end. columns: of texts and labels, where a table has them;
    test: the table for testing, where that is a file of its own.
    """

    file: Path
    place: Path
    held_out: float | None = None
    columns: tuple[str, str] | None = None
    test: Path | None = None


@dataclass(frozen=True)
class DataCard:
    """One data set: shape, sizes, normalisation, augmentation, provenance and fingerprint.

    `kind` says who reads it: "images" are held in memory, a "folder" of images is decoded as it is needed, "text"
    is labelled texts, a "corpus" is one long text a split. `shape` is (channels, height, width) in pixels, and ()
    of a text; `mean` and `std` are per channel, of values between 0 and 1, and () of a text. `family` is the
    papers' data set that this one is, or stands in for; a stand-in says so in `label`. `fingerprint` is a sha256:
    of the data for an embedded set, of the published checksums for a download. `tree` is a second form of a
    download, with a fingerprint of its own. A folder's classes, samples and shape are those published, and its
    fingerprint is "": what is really there is found out from the tree alone
    (`benchmarks.workloads.data.images.folder_tree.find`). A corpus has no classes (0); its samples are characters,
    of which there are `characters` different ones; `counted` are the tokens of both parts in a run's own unit, where
    they are known (`encoding.counts`). `floats`: targets are numbers, and not classes, of which there is 1.
    `own`: data of the user's own, which stand in for none.
    """

    name: str
    title: str
    family: str
    label: str
    classes: int
    shape: tuple[int, ...]
    train_samples: int
    test_samples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation
    source: str
    licence: str
    obtain: str
    fingerprint: str
    download: Download | None
    kind: Kind = "images"
    tree: ImageTree | None = None
    own: OwnData | None = None
    characters: int = 0
    counted: tuple[int, int] | None = None
    floats: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        kinds = self.characters if self.kind == "corpus" else self.classes
        if min(*self.shape, kinds, self.train_samples, self.test_samples) < 1:
            raise ValueError("shape, classes (of a corpus: characters) and samples must be above 0")
        if len(self.shape) != (0 if self.kind in ("text", "corpus") else 3):
            raise ValueError("shape must be [channels, height, width], and [] of a text")
        channels = self.shape[0] if self.shape else 0
        if not len(self.mean) == len(self.std) == channels or min(self.std, default=1) <= 0:
            raise ValueError("mean and std need one value per channel, and those of std must be above 0")
        if self.augmentation.crop_padding < 0:
            raise ValueError("crop_padding must be 0 or more")

    @property
    def published(self) -> Download:
        """Returns the published download of a card that has one."""
        assert self.download is not None, f"{self.name} is not downloaded"
        return self.download

    @property
    def as_tree(self) -> ImageTree:
        """Returns the tree of images, of a card that has one."""
        assert self.tree is not None, f"{self.name} has no form as a tree"
        return self.tree

    @property
    def embedded(self) -> bool:
        """Returns whether the data comes with a dependency, so that nothing has to be fetched."""
        return self.download is None and self.kind != "folder" and self.own is None

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Returns the numbers of classes, training samples and test samples."""
        return self.classes, self.train_samples, self.test_samples

    def unlike(self, paper: DataCard) -> str:
        """Returns the data's label where they are not the paper's as published; else ""."""
        return "" if self.name == paper.name and self.numbers == paper.numbers else self.label

    def identity(self) -> dict[str, Any]:
        """Returns the fields that decide a run's numbers, as JSON, for the hash that identifies a run."""
        fields = {
            "name": self.name,
            "sha256": self.fingerprint,
            "mean": list(self.mean),
            "std": list(self.std),
            "crop_padding": self.augmentation.crop_padding,
            "flip": self.augmentation.flip,
        }
        return {**fields, "resized_crop": self.augmentation.resized_crop} if self.kind == "folder" else fields


def names() -> tuple[str, ...]:
    """Returns the names of the suite's data cards, sorted."""
    return tuple(sorted(path.stem for path in CARDS.glob("*.toml")))


@cache
def card(name: str) -> DataCard:
    """Returns the suite's data card of that name.

    Raises UserError where there is none, offering the nearest names, and where the file is not a valid card.
    """
    if name not in names():
        raise UserError(unknown("data set", name, names()))
    path = CARDS / f"{name}.toml"
    try:
        return _parse(name, tomllib.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"The data card {path} is not valid: {error}; compare it with the other cards there."
        ) from error


def _parse(name: str, values: dict[str, Any]) -> DataCard:
    download = values.pop("download", None)
    if download is not None:
        download = Download(**{**download, "files": tuple(DataFile(**file) for file in download["files"])})
    tree = ImageTree(**values.pop("tree")) if "tree" in values else None
    fingerprint = values.pop("sha256", None)
    if fingerprint is None and download:
        # The published checksums pin every byte, so that a download's fingerprint is known before the data is there.
        fingerprint = _checksum(download)
    if fingerprint is None and values.get("kind") != "folder":
        raise ValueError("sha256 is missing")
    return DataCard(
        name=name,
        shape=tuple(values.pop("shape")),
        mean=tuple(values.pop("mean", ())),
        std=tuple(values.pop("std", ())),
        augmentation=Augmentation(**values.pop("augmentation", {})),
        fingerprint=fingerprint or "",
        download=download,
        tree=tree,
        **values,
    )


def _checksum(download: Download) -> str:
    read = (*download.split("train"), *download.split("test"))
    lines = [f"{file.split} {file.name} md5:{file.md5}\n" for file in read] or [f"{download.archive} {download.md5}\n"]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
