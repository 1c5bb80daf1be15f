"""CIFAR-100 as a tree of PNG: what is read, what is refused, and what a plan knows of it."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from benchmarks.commands.doctor import data_set
from benchmarks.errors import UserError
from benchmarks.runner.identity import data_sha256
from benchmarks.workloads.data import cards, places
from benchmarks.workloads.data.cards import DataCard, ImageTree, card
from benchmarks.workloads.data.images import cifar
from benchmarks.workloads.data.images.arrays import files_fingerprint
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.present import card_on_disk, check_present

CLASSES = ("ape", "bee", "cat")
TREE = "cifar100-png"
BEE = "train/bee/bee_1.png"
REAL = os.environ.get("BENCHMARKS_DATA")


class Made(NamedTuple):
    """A small tree, its card, and its training images by name."""

    card: DataCard
    place: Path
    images: dict[str, np.ndarray]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    place, random, images = tmp_path / "data" / TREE, np.random.RandomState(0), {}
    for split, count in (("train", 4), ("test", 2)):
        for kind in reversed(CLASSES):
            (place / split / kind).mkdir(parents=True)
            for number in reversed(range(count)):
                name = f"{split}/{kind}/{kind}_{number}.png"
                images[name] = random.randint(0, 256, (32, 32, 3), np.uint8)
                Image.fromarray(images[name]).save(place / name)
            (place / split / kind / ".DS_Store").write_bytes(b"")  # hidden files are passed over
    tree_card = replace(card("cifar100"), classes=3, train_samples=12, test_samples=6)
    tree_card = replace(tree_card, tree=ImageTree(TREE, "", "a tree"))
    files = [*cifar.list_tree(tree_card, place, "train", 12), *cifar.list_tree(tree_card, place, "test", 6)]
    pixels = np.stack([images[file.name].transpose(2, 0, 1).copy() for file in files])
    sha256 = files_fingerprint(files, np.ascontiguousarray(pixels))
    return Made(replace(tree_card, tree=ImageTree(TREE, sha256, "a tree")), place, images)


def test_it_is_read_by_class_and_name(made: Made) -> None:
    train, test = cifar.read(made.card, folder=made.place.parent)
    assert train.images.shape == (12, 3, 32, 32)
    assert train.images.dtype == np.uint8
    assert train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(train.images[5].transpose(1, 2, 0), made.images["train/bee/bee_1.png"])
    assert np.array_equal(test.images[5].transpose(1, 2, 0), made.images["test/cat/cat_1.png"])


def test_the_second_reading_is_that_of_the_first(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cifar.read(made.card, folder=made.place)
    monkeypatch.setattr(cifar, "_decode_png", lambda *_: pytest.fail("an image was decoded again"))
    for split, again in zip(first, cifar.read(made.card, folder=made.place), strict=True):
        assert np.array_equal(split.images, again.images)
        assert np.array_equal(split.labels, again.labels)


def damage_a_pixel(place: Path) -> None:
    path = place / BEE
    pixels = np.asarray(Image.open(path)).copy()
    pixels[3, 4, 1] ^= 1
    Image.fromarray(pixels).save(path)


def link(place: Path) -> None:
    (place / BEE).rename(place / "elsewhere.png")
    (place / BEE).symlink_to(place / "elsewhere.png")


def link_a_class(place: Path) -> None:
    (place / "train/bee").rename(place / "elsewhere")
    (place / "train/bee").symlink_to(place / "elsewhere")


def pipe(place: Path) -> None:
    (place / BEE).unlink()
    os.mkfifo(place / BEE)


def bomb(place: Path) -> None:
    """A header that claims 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    claimed = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (place / BEE).write_bytes(claimed)


HARMS: list[tuple[Callable[[Path], object], str]] = [
    (damage_a_pixel, "are not those of the data card"),
    (lambda place: (place / BEE).rename(place / "train/bee/bee_9.png"), "are not those of the data card"),
    (lambda place: (place / "test/bee/bee_1.png").unlink(), "test has 3 classes and 5 images, not 3 and 6"),
    (lambda place: shutil.copytree(place / "train/bee", place / "train/dog"), "train has 4 classes"),
    (link, "bee_1.png is no regular file"),
    (link_a_class, "bee is no folder"),
    (pipe, "bee_1.png is no regular file"),
    (bomb, "bee_1.png cannot be read"),
    (lambda place: Image.new("RGB", (33, 32)).save(place / BEE), r"bee_1.png cannot be read \(it has 33 x 32 pixels"),
    (lambda place: Image.new("L", (32, 32)).save(place / BEE), "bee_1.png cannot be read"),
    (lambda place: (place / BEE).write_bytes((place / BEE).read_bytes()[:-900]), "bee_1.png cannot be read"),
    (lambda place: (place / BEE).write_bytes(bytes(2**16 + 1)), "bee_1.png cannot be read"),
    (lambda place: Image.new("RGB", (32, 32)).save(place / BEE, format="JPEG"), "bee_1.png cannot be read"),
    (lambda place: shutil.rmtree(place / "test"), "cannot be listed"),
]


@pytest.mark.parametrize(("change", "words"), HARMS)
def test_what_is_not_the_tree_is_refused(made: Made, change: Callable[[Path], object], words: str) -> None:
    cifar.read(made.card, folder=made.place)  # the cache of the sound tree hides nothing
    change(made.place)
    with pytest.raises(UserError, match=words) as refused:
        cifar.read(made.card, folder=made.place)
    assert str(made.place) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("below", ["", TREE])
def test_a_plan_knows_the_form_without_opening_it(made: Made, below: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "read_place", lambda *_: pytest.fail("the tree was read"))
    folder = made.place.parent / below
    assert data_sha256(made.card, folder) == made.card.as_tree.sha256 != made.card.fingerprint
    assert card_on_disk(made.card, folder).label == "a tree"
    assert card_on_disk(made.card, folder).identity() != made.card.identity()
    check_present(made.card, folder)


@pytest.mark.parametrize("where", ["variable", "cache"])
def test_it_is_found_in_the_usual_places(made: Made, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_sha256(made.card, None) == made.card.fingerprint  # downloaded when it is first needed
    if where == "variable":
        monkeypatch.setenv("BENCHMARKS_DATA", str(made.place.parent))
    else:
        shutil.copytree(made.place, cache_folder() / TREE)
    assert data_sha256(made.card, None) == made.card.as_tree.sha256


def test_the_published_form_comes_first(made: Made) -> None:
    published = made.place.parent / made.card.published.folder
    published.mkdir()
    assert places.locate(made.card, made.place.parent) == published
    assert data_sha256(made.card, made.place.parent) == made.card.fingerprint
    assert data_sha256(made.card, made.place) == made.card.as_tree.sha256


def test_the_doctor_reads_it(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "card", lambda name: made.card)
    check = data_set("cifar100", made.place.parent)
    assert check.ok
    assert "a tree" in check.detail
    damage_a_pixel(made.place)
    assert not data_set("cifar100", made.place.parent).ok
