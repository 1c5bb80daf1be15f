"""Data of a user's own: what a card may say, what is read from its folder, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from benchmarks.errors import UserError
from benchmarks.workloads.data import cards, class_folders, own_card
from benchmarks.workloads.data.cards import OwnData
from benchmarks.workloads.data.images import own_images
from benchmarks.workloads.data.load import load
from benchmarks.workloads.data.options import Text, Tokens
from benchmarks.workloads.data.places import cache_folder
from benchmarks.workloads.data.present import card_on_disk, check_present
from benchmarks.workloads.own import Own
from benchmarks.workloads.workload import workload
from tests.workloads.own_files import CARD, DIARY, TEXTS, images, texts
from tests.workloads.own_files import card as write

CPU = torch.device("cpu")


@pytest.fixture
def leaves(tmp_path: Path) -> Path:
    """A card, beside a folder of 2 classes of 6 training and 3 test images."""
    images(tmp_path / "leaves", {"train": 6, "test": 3})
    return write(tmp_path)


# ---- images


def test_a_folder_of_images_is_a_data_set(leaves: Path) -> None:
    card = own_card.load(leaves)
    assert (card.name, card.title, card.kind, card.embedded) == ("leaves", "leaves", "images", False)
    assert (card.numbers, card.shape) == ((2, 12, 6), (3, 8, 8))
    assert card.label == (
        f"leaves: 2 classes, 12 training and 6 test images of 3x8x8 pixels, sha256 {card.fingerprint[:12]} "
        "(leaves.toml): not the paper's data"
    )
    assert card.unlike(cards.card("cifar10")) == card.label
    assert card_on_disk(card, leaves.parent) == card
    check_present(card, Path("elsewhere"))
    data_set = load(card)
    assert data_set.card == card
    batch, labels = data_set.batches(batch=4, seed=0, device=CPU, augment=True).batch(0, 0)
    assert (batch.shape, labels.dtype) == ((4, 3, 8, 8), torch.int64)


def test_pixels_labels_and_order_are_those_of_the_files(leaves: Path) -> None:
    own_data = OwnData(leaves, leaves.parent / "leaves")
    image_sets = own_images.read("leaves", own_data, (3, 8, 8))
    paths = sorted((own_data.place / "train").rglob("*.png"))
    assert image_sets.train.labels.tolist() == [0] * 6 + [1] * 6  # ash before oak
    for path, image in zip(paths, image_sets.train.images, strict=True):
        with Image.open(path) as stored:
            assert np.array_equal(np.asarray(stored).transpose(2, 0, 1), image)


def test_mean_and_spread_are_measured_over_the_training_images_alone(leaves: Path) -> None:
    card = own_card.load(leaves)
    own_data = OwnData(leaves, leaves.parent / "leaves")
    pixels = own_images.read("leaves", own_data, (3, 8, 8)).train.images / 255
    assert card.mean == pytest.approx(pixels.mean((0, 2, 3)), abs=5e-5)
    assert card.std == pytest.approx(pixels.std((0, 2, 3)), abs=5e-5)
    stated_card = own_card.load(write(leaves.parent, CARD + "mean = [0.5, 0.4, 0.3]\nstd = [0.2, 0.2, 0.1]\n"))
    assert (stated_card.mean, stated_card.std) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))


def test_names_and_pixels_make_the_fingerprint_and_the_place_does_not(leaves: Path, tmp_path: Path) -> None:
    first = own_card.load(leaves).fingerprint
    other_folder = tmp_path / "elsewhere"
    other_folder.mkdir()
    images(other_folder / "leaves", {"train": 6, "val": 3})
    assert own_card.load(write(other_folder)).fingerprint == first  # val/ or test/
    path = leaves.parent / "leaves" / "train" / "oak" / "003.png"
    content = path.read_bytes()
    Image.new("RGB", (8, 8)).save(path)
    changed = own_card.load(leaves).fingerprint
    path.write_bytes(content)
    path.rename(path.with_name("zzz.png"))
    assert len({first, changed, own_card.load(leaves).fingerprint}) == 3


def test_images_of_another_size_or_mode_are_brought_to_the_cards(tmp_path: Path) -> None:
    images(tmp_path / "leaves", {"train": 2, "test": 1}, size=(20, 13), mode="L")
    for channels in (3, 1):
        path = write(tmp_path, CARD.replace("[3,", f"[{channels},"))
        image_sets = own_images.read("leaves", OwnData(path, tmp_path / "leaves"), (channels, 8, 8))
        with Image.open(tmp_path / "leaves" / "train" / "ash" / "000.png") as stored:
            fitted = ImageOps.fit(stored.convert("RGB"), (8, 8), Image.Resampling.BILINEAR)
        assert image_sets.train.images.shape == (4, channels, 8, 8)
        assert np.array_equal(image_sets.train.images[0][0], np.asarray(fitted)[..., 0])


def test_a_part_can_be_held_out_of_every_class(tmp_path: Path) -> None:
    images(tmp_path / "leaves", {"": 10})
    path = write(tmp_path, CARD + "held_out = 0.3\n")
    card = own_card.load(path)
    assert card.numbers == (2, 14, 6)
    train, test = class_folders.own_files(tmp_path / "leaves", (".png",), 0.3)
    assert [[file.label for file in files].count(0) for files in (train, test)] == [7, 3]
    assert not {file.path for file in train} & {file.path for file in test}
    assert class_folders.own_files(tmp_path / "leaves", (".png",), 0.3) == (train, test)
    (tmp_path / "leaves" / "test").mkdir()
    with pytest.raises(UserError, match=r"leaves has test/: .*held_out"):
        own_card.load(path)


def test_pixels_are_cached(leaves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = own_card.load(leaves).fingerprint
    (cached,) = (cache_folder() / "images").glob("*.npz")
    with monkeypatch.context() as patch:
        patch.setattr(own_images, "open_rgb", None)  # nothing is decoded
        assert own_card.load(leaves).fingerprint == first
    cached.unlink()
    assert load(own_card.load(leaves)).card.fingerprint == first


# ---- texts


def test_a_folder_of_texts_is_a_data_set(tmp_path: Path) -> None:
    texts(tmp_path / "notes", {"train": 4, "test": 2})
    card = own_card.load(write(tmp_path, TEXTS, "notes.toml"))
    assert (card.kind, card.numbers, card.shape, card.mean) == ("text", (2, 8, 4), (), ())
    assert "8 training and 4 test texts, sha256" in card.label
    for _ in range(2):  # from the cache of tokens as well
        data_set = load(card, text=Text(length=6))
        assert data_set.card == card
        tokens, labels = next(data_set.batches(batch=4, seed=0, device=CPU, augment=False).test())
        assert (tokens.shape, labels.tolist()) == ((4, 6), [0, 0, 1, 1])
        assert data_set.vocabulary_size is not None


def test_a_file_of_text_is_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("It rained. " * 200)
    path = write(tmp_path, DIARY, "diary.toml")
    card = own_card.load(path)
    assert (card.kind, card.numbers, card.characters) == ("corpus", (0, 1980, 220), 10)
    assert card.label.startswith("diary: 1,980 training and 220 test characters, sha256")
    data_set = load(card, tokens=Tokens(context=20))
    assert (data_set.card, data_set.vocabulary_size) == (card, 10)
    inputs, targets = data_set.batches(batch=4, seed=0, device=CPU, augment=False).batch(0, 0)
    assert (inputs.shape, targets.shape) == ((4, 20), (4, 20))
    (tmp_path / "diary.txt").write_text("It rained! " * 200)
    assert load(card, tokens=Tokens(context=20)).card.fingerprint != card.fingerprint  # read anew
    halved_card = own_card.load(write(tmp_path, DIARY + "held_out = 0.5\n", "diary.toml"))
    assert halved_card.numbers == (0, 1100, 1100)


# ---- workloads


def test_its_settings_take_all_of_it(leaves: Path) -> None:
    own = Own(data=own_card.load(leaves))
    work = workload("cifar100", "resnet18", "smoke", {**own.settings, "batch": "4"}, own=own)
    assert (work.dataset, work.train_samples, work.test_samples) == ("leaves", None, None)
    assert work.label == "ResNet-18 (width 8, blocks (1, 1, 1, 1), cifar stem) on 3x8x8 leaves"
    with pytest.raises(UserError, match=r"leaves has 12 training samples, and one batch takes 32: set a smaller"):
        workload("cifar100", "resnet18", "smoke", own.settings, own=own)
    with pytest.raises(UserError, match=r"leaves has images, and LSTM on imdb takes texts with labels: name"):
        workload("imdb", "lstm", "smoke", own.settings, own=own)


# ---- bad ones


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", r"leaves\.toml cannot be read"),
        (CARD + "colour = 3\n", r"leaves\.toml: .*field of a data card.*colour"),
        (CARD.replace("licence", "#"), r"leaves\.toml: licence: Field required"),
        (CARD.replace("[3, 8, 8]", "[8, 8]"), r"leaves\.toml: shape must be"),
        (CARD.replace("[3, 8, 8]", "[2, 8, 8]"), r"with 1 channel \(grey\) or 3"),
        (CARD.replace('"leaves"\nkind', '"a/b"\nkind'), r"leaves\.toml: name: "),
        (CARD.replace('"leaves"\nkind', '"digits"\nkind'), "name digits is taken"),
        (CARD.replace('folder = "leaves"', 'folder = "x"'), "no folder .*x"),
        (CARD + "classes = 3\n", r"leaves\.toml: classes is 3 in the card, and 2 in"),
        (CARD + 'sha256 = "ab"\n', r"leaves\.toml: sha256 is ab in the card, and [0-9a-f]{64} in"),
        (CARD + "mean = [0.5]\n", r"leaves\.toml: mean and std need one value per channel"),
        (CARD + "held_out = 1.5\n", r"leaves\.toml: held_out: "),
        (CARD + "[augmentation]\nresized_crop = true\n", r"augmentation\.resized_crop is for ImageNet's folder alone"),
        (TEXTS + "shape = [3]\n", r"a text has no shape"),
        (TEXTS + 'file = "notes.csv"\n', r"leaves\.toml: name a folder"),
        (DIARY.replace('file = "diary.txt"', ""), r"leaves\.toml: name a folder, .*, or a file"),
        (DIARY, r"diary\.txt cannot be read"),
    ],
)
def test_a_bad_card_is_told_in_one_sentence(leaves: Path, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as caught:
        own_card.load(write(leaves.parent, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        ("no test", "has no train/ and test/"),
        ("one class", "one class, ash"),
        ("too few", r"The class ash has 1 samples, too few to hold 0\.2 of them out"),
        ("damaged", r"train/oak/003\.png cannot be read"),
        ("a folder", r"train/oak/003\.png is no regular file"),
        ("too large", "18 images of 3x8x8 take"),
        ("no card", r"There is no file .*leaves\.toml"),
    ],
)
def test_a_bad_folder_is_told_in_one_sentence(
    leaves: Path, harm: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = leaves.parent / "leaves"
    image = place / "train" / "oak" / "003.png"
    if harm == "no test":
        (place / "test").rename(place / "later")
    elif harm == "one class":
        for split in ("train", "test"):
            (place / split / "oak").rename(place / split / ".oak")
    elif harm == "too few":
        images(leaves.parent / "few", {"": 1})
        write(leaves.parent, CARD.replace('folder = "leaves"', 'folder = "few"') + "held_out = 0.2\n")
    elif harm == "damaged":
        image.write_bytes(image.read_bytes()[:40])
    elif harm == "a folder":
        image.unlink()
        image.mkdir()
    elif harm == "too large":
        monkeypatch.setattr("os.sysconf", lambda name: 1)
    else:
        leaves.unlink()
    with pytest.raises(UserError, match=complaint) as caught:
        own_card.load(leaves)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (2**20 + 1)])
def test_a_bad_text_is_named(tmp_path: Path, content: bytes) -> None:
    place = texts(tmp_path / "notes", {"train": 4, "test": 2})
    path = place / "test" / "good" / "1.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"The text .*test/good/1\.txt"):
        own_card.load(write(tmp_path, TEXTS, "notes.toml"))
