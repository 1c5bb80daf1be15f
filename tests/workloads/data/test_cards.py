"""Data cards: consistent with each other, with what is published, and with what they describe."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.checkout import CHECKOUT
from benchmarks.errors import UserError
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import Augmentation, card, names
from tests.sure import sure


@pytest.mark.parametrize("name", names())
def test_a_card_is_complete(name: str) -> None:
    data_card = card(name)
    assert len(data_card.fingerprint) == (0 if data_card.kind == "folder" else 64)
    assert data_card.title
    assert data_card.source
    assert data_card.licence
    assert (data_card.name != data_card.family) == bool(data_card.label)  # a stand-in says so
    assert not data_card.obtain.endswith(".")  # it stands at the end of a sentence


@pytest.mark.parametrize(("name", "labels_key"), [("cifar10", "labels"), ("cifar100", "fine_labels")])
def test_checksums_are_torchvisions(name: str, labels_key: str) -> None:
    import torchvision.datasets

    reference = getattr(torchvision.datasets, name.upper())
    download = sure(card(name).download)
    assert (download.url, download.archive, download.md5) == (reference.url, reference.filename, reference.tgz_md5)
    assert download.folder == reference.base_folder
    assert [[file.name, file.md5] for file in download.split("train")] == reference.train_list
    assert [[file.name, file.md5] for file in download.split("test")] == reference.test_list
    assert [(file.name, file.md5) for file in download.split("meta")] == [
        (reference.meta["filename"], reference.meta["md5"])
    ]
    assert download.labels_key == labels_key


def test_what_changes_the_numbers_changes_the_identity() -> None:
    plain = card("cifar10")
    assert plain.identity() != replace(plain, augmentation=Augmentation()).identity()
    assert plain.identity() != replace(plain, std=(1.0, 1.0, 1.0)).identity()
    assert plain.identity() == replace(plain, title="Another title").identity()


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"Unknown data set 'cifar-10': did you mean cifar10"):
        card("cifar-10")
    with pytest.raises(UserError, match="digit-pairs"):
        card("zzz")


@pytest.mark.usefixtures("fresh_cards")
@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("shape = [3, 32]", r"\[channels, height, width\]"),
        ("std = [0.5]", "one value per channel"),
        ("colour = 1", "colour"),
        ("kind = 'sound'", "not 'sound'"),
    ],
)
def test_a_card_with_a_mistake_is_named(
    line: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = line.split(" ")[0] + " ="
    text = (cards.CARDS / "cifar10.toml").read_text(encoding="utf-8").splitlines()
    lines = [line, *(old_line for old_line in text if not old_line.startswith(key))]
    (tmp_path / "mine.toml").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(cards, "CARDS", tmp_path)
    with pytest.raises(UserError, match=rf"mine\.toml is not valid: .*{complaint}"):
        card("mine")


def test_cards_and_options_need_neither_torch_nor_numpy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from benchmarks.workloads.data.cards import card; card('cifar10')\n"
        "import benchmarks.workloads.data.options; print({'torch', 'numpy'} & set(sys.modules))\n"
        "from benchmarks.workloads.data.images.folder_tree import find\n"
        f"print(find(card('imagenet'), Path({str(tmp_path)!r})), {{'torch', 'PIL'}} & set(sys.modules))"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["set()", "None", "set()"]
