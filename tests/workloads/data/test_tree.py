"""Image folders: where they are looked for, what they must hold, and what identifies them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.images import folder_tree
from benchmarks.workloads.data.load import load
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.present import card_on_disk

IMAGENET = card("imagenet")


def plant(place: Path, *, test: str = "val", ending: str = ".JPEG", classes: tuple[str, ...] = ("a", "b")) -> Path:
    """Two classes of two training images and one test image: files of some bytes, which nothing here opens."""
    for split, count in (("train", 2), (test, 1)):
        for kind in classes:
            (place / split / kind).mkdir(parents=True)
            for number in range(count):
                (place / split / kind / f"{kind}{number}{ending}").write_bytes(b"x" * (number + 1))
    return place


@pytest.fixture(autouse=True)
def fresh() -> None:
    folder_tree.index.cache_clear()


def listed(place: Path) -> folder_tree.Tree:
    folder_tree.index.cache_clear()
    return folder_tree.index(place)


@pytest.mark.parametrize("name", ["", "imagenet", "ILSVRC/Data/CLS-LOC", "imagenette2-224"])
def test_the_folder_is_found_under_its_usual_names_or_alone(tmp_path: Path, name: str) -> None:
    place = plant(tmp_path / "data" / name)
    plant(tmp_path / "data" / "aclImdb", test="test", ending=".txt")  # reviews lie in such a tree, too
    assert folder_tree.locate(IMAGENET, tmp_path / "data") == place
    assert folder_tree.find(IMAGENET, tmp_path / "data") == folder_tree.index(place)


def test_of_several_folders_one_has_to_be_named(tmp_path: Path) -> None:
    plant(tmp_path / "one")
    plant(tmp_path / "two")
    command = f"`python -m benchmarks run table5 --scale small --data {tmp_path}/one`"
    complaint = rf"holds several folders of images \(one, two\): name one, such as {command}, or call it imagenet"
    with pytest.raises(UserError, match=complaint):
        folder_tree.locate(IMAGENET, tmp_path)
    assert folder_tree.locate(IMAGENET, tmp_path / "two") == tmp_path / "two"
    plant(tmp_path / "imagenet")
    assert folder_tree.locate(IMAGENET, tmp_path) == tmp_path / "imagenet"


def test_a_folder_that_was_named_itself_wins(tmp_path: Path) -> None:
    place = plant(tmp_path / "mine")
    plant(place / "imagenet")
    assert folder_tree.locate(IMAGENET, place) == place


# ---- what it is called


WNIDS = tuple(sorted(folder_tree.IMAGENETTE))


@pytest.mark.parametrize(
    ("name", "classes", "title"),
    [
        ("imagenette2-224", WNIDS, "Imagenette"),
        ("imagenette2", WNIDS, "Imagenette"),
        ("imagenette2", WNIDS[:9], "imagenette2 (a folder of images)"),
        ("pets", WNIDS, "pets (a folder of images)"),
        ("imagenet", ("a", "b"), "imagenet (a folder of images)"),
    ],
)
def test_a_folder_is_called_what_it_is(tmp_path: Path, name: str, classes: tuple[str, ...], title: str) -> None:
    plant(tmp_path / name, classes=classes)
    data_card = card_on_disk(IMAGENET, tmp_path / name)
    count = len(classes)
    numbers = f"{count} classes, {2 * count} training and {count} test images"
    assert (data_card.title, data_card.classes, data_card.train_samples) == (title, count, 2 * count)
    assert data_card.label == f"{title}: {numbers} (ImageNet-1k: 1,000 classes, 1,281,167 and 50,000)"
    assert data_card.identity() == IMAGENET.identity()
    data_set = load("imagenet", folder=tmp_path / name)
    assert (data_set.card.title, data_set.card.label) == (data_card.title, data_card.label)


def test_the_published_numbers_make_it_imagenet(tmp_path: Path) -> None:
    tiny_imagenet = replace(IMAGENET, classes=2, train_samples=4, test_samples=2)
    data_card = card_on_disk(tiny_imagenet, plant(tmp_path))
    assert (data_card.title, data_card.label) == ("ImageNet-1k", "ImageNet-1k: 2 classes, 4 training and 2 test images")
    assert data_card.unlike(tiny_imagenet) == ""
    assert card_on_disk(IMAGENET, tmp_path).unlike(IMAGENET) != ""


def test_the_environment_variable_comes_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = plant(cache_folder() / "imagenet")
    assert folder_tree.locate(IMAGENET) == cached
    monkeypatch.setenv("BENCHMARKS_DATA", str(tmp_path / "mine"))
    assert folder_tree.locate(IMAGENET) == cached
    assert folder_tree.locate(IMAGENET, tmp_path / "mine") is None
    own_folder = plant(tmp_path / "mine")
    assert folder_tree.locate(IMAGENET) == own_folder


def test_missing_data_says_where_it_was_looked_for_and_how_to_get_it(tmp_path: Path) -> None:
    assert folder_tree.find(IMAGENET, tmp_path) is None
    with pytest.raises(UserError) as caught:
        load("imagenet", folder=tmp_path)
    for part in (
        "train/ and val/",
        str(tmp_path),
        "ILSVRC/Data/CLS-LOC",
        "image-net.org",
        "--data",
        "$BENCHMARKS_DATA",
    ):
        assert part in str(caught.value)


def test_a_tree_is_listed_in_order(tmp_path: Path) -> None:
    place = plant(tmp_path)
    (place / "train" / "a" / ".hidden.JPEG").write_bytes(b"")
    (place / "train" / "a" / "notes.txt").symlink_to("nowhere")
    (place / "train" / ".cache").mkdir()
    (place / "train" / "b" / "B.Png").write_bytes(b"")
    tree = listed(place)
    assert tree.classes == ("a", "b")
    assert tree.train == folder_tree.Files(
        str(place / "train"), ("a0.JPEG", "a1.JPEG", "B.Png", "b0.JPEG", "b1.JPEG"), (2, 3)
    )
    assert tree.test == folder_tree.Files(str(place / "val"), ("a0.JPEG", "b0.JPEG"), (1, 1))
    assert tree.numbers == (2, 5, 2)


def test_names_and_sizes_make_the_identity_and_nothing_else_does(tmp_path: Path) -> None:
    first = listed(plant(tmp_path / "one")).sha256
    assert listed(plant(tmp_path / "two", test="test")).sha256 == first  # wherever it lies, and val/ or test/
    path = tmp_path / "one" / "train" / "a" / "a0.JPEG"
    path.write_bytes(b"y")  # contents are not read
    assert listed(tmp_path / "one").sha256 == first
    path.write_bytes(b"yy")
    longer = listed(tmp_path / "one").sha256
    path.write_bytes(b"y")
    path.rename(path.with_name("a2.JPEG"))
    renamed = listed(tmp_path / "one").sha256
    assert len({first, longer, renamed}) == 3


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


LAYOUTS: list[tuple[Callable[[Path], object], str]] = [
    (lambda place: shutil.rmtree(place / "train"), "imagenet has no train/ and val/"),
    (lambda place: shutil.rmtree(place / "val"), "imagenet has no train/ and val/"),
    (lambda place: empty(place / "train"), "train has no folder per class"),
    (lambda place: empty(place / "train" / "b"), r"train/b has no files \(\.jpeg, "),
    (lambda place: (place / "val" / "b").rename(place / "val" / "c"), "the class b is in one of train/ and val/ only"),
]


@pytest.mark.parametrize(("change", "complaint"), LAYOUTS)
def test_another_layout_is_told(tmp_path: Path, change: Callable[[Path], object], complaint: str) -> None:
    place = plant(tmp_path / "imagenet")
    change(place)
    for folder in (tmp_path, place):  # named by its parent or by itself
        if folder_tree.locate(IMAGENET, folder) is not None:  # without train/ a folder of any name is none
            with pytest.raises(UserError, match=complaint):
                folder_tree.find(IMAGENET, folder)
