"""IMDb's files: the same reviews from every source, what is said of wrong ones, and what is kept in the cache."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data import cache
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.data.places import SENTIMENTS, cache_folder, locate, server_error
from benchmarks.workloads.data.text import imdb
from benchmarks.workloads.data.text import in_memory as tokens
from benchmarks.workloads.data.text.reviews import fingerprint, ordered
from tests.workloads.data.files import everything, with_archive

REAL = os.environ.get("BENCHMARKS_DATA")
TRAIN = [(0, "Dull, dull film."), (0, "naïve — and bad"), (1, 'A "great" film!'), (1, "Good.<br />Good.")]
TEST = [(0, "bad\x85"), (0, "zzz"), (1, "good film"), (1, "good film")]  # the published ones have doubles, too
Small = tuple[DataCard, Path]


def write(folder: Path, splits: dict[str, list[tuple[int, str]]]) -> Path:
    """An `aclImdb` folder, its files in another order than the reviews'."""
    for split, reviews in splits.items():
        for kind in SENTIMENTS:
            (folder / split / kind).mkdir(parents=True)
        (folder / split / "urls_pos.txt").write_text("http://example.org")
        for number, (label, text) in enumerate(reversed(reviews)):
            (folder / split / SENTIMENTS[label] / f"{number}_{9 * label + 1}.txt").write_bytes(text.encode())
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """A card like IMDb's for eight reviews, and the folder that holds them as `aclImdb`."""
    folder = tmp_path / "data"
    write(folder / "aclImdb", {"train": TRAIN, "test": TEST})
    sha256 = fingerprint(ordered(TRAIN, TEST))
    return replace(card("imdb"), train_samples=4, test_samples=4, fingerprint=sha256), folder


def pack(small: Small, name: str, mode: str = "w:gz", prefix: str = "") -> Path:
    """The small data set as an archive in a folder of its own."""
    packed = small[1].parent / f"packed-{name}" / name
    packed.parent.mkdir()
    with tarfile.open(packed, mode) as tar:  # type: ignore[call-overload]
        tar.add(small[1] / "aclImdb", f"{prefix}aclImdb")
    return packed


def pretend_hub(monkeypatch: pytest.MonkeyPatch, load: Callable[[str], Any]) -> None:
    """A package `datasets` with this function, and a server that answers."""
    package = ModuleType("datasets")
    package.load_dataset = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", package)
    monkeypatch.setattr(imdb, "server_error", lambda address: "")


def columns(reviews: list[tuple[int, str]]) -> dict[str, list[Any]]:
    return {"label": [label for label, _ in reviews], "text": [text for _, text in reviews]}


def test_reviews_are_sorted_by_label_and_text_whatever_the_files_are_called(small: Small) -> None:
    reviews = imdb.read(small[0], folder=small[1])
    assert list(zip(reviews.labels, reviews.texts, strict=True)) == TRAIN + TEST
    assert reviews.train == 4


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_fingerprint_tells_texts_labels_and_splits_apart(split: str) -> None:
    plain = fingerprint(ordered(TRAIN, TEST))
    assert plain == fingerprint(ordered(reversed(TRAIN), reversed(TEST)))
    changed = [[(0, "Dull, dull film"), *TRAIN[1:]], [(1, TRAIN[0][1]), *TRAIN[1:]], TRAIN[1:]]
    pairs = [(reviews, TEST) if split == "train" else (TEST, reviews) for reviews in (*changed, TRAIN)]
    assert len({plain, *(fingerprint(ordered(*pair)) for pair in pairs)}) == (4 if split == "train" else 5)


def test_folder_parent_and_archives_hold_the_same_reviews(small: Small) -> None:
    data_card, folder = small
    published = imdb.read(data_card, folder=folder)
    archives = [
        pack(small, "aclImdb_v1.tar"[:-4] + end, mode)
        for end, mode in ((".tar.gz", "w:gz"), (".tar.xz", "w:xz"), (".tar", "w"))
    ]
    data_card = with_archive(data_card, archives[0])
    nested_archive = pack(small, "mine.tgz", prefix="./somewhere/")
    for place in (folder / "aclImdb", nested_archive, *archives, *(archive.parent for archive in archives)):
        assert imdb.read(data_card, folder=place) == published
    renamed = (folder / "aclImdb").rename(folder / "renamed")
    assert imdb.read(data_card, folder=renamed) == published
    assert list(everything(archives[0].parent)) == [archives[0].name]  # nothing was unpacked there


def test_an_archive_with_the_published_name_must_have_its_checksum(small: Small) -> None:
    packed = pack(small, "aclImdb_v1.tar.gz")
    with pytest.raises(UserError, match=r"aclImdb_v1\.tar\.gz is damaged or not the published file .* not opened"):
        imdb.read(small[0], folder=packed.parent)


@pytest.mark.parametrize(("name", "mode"), [("a.tar.gz", "w:gz"), ("a.tar.xz", "w:xz"), ("a.tar", "w")])
@pytest.mark.parametrize("kept", [0.5, 0.0])
def test_a_damaged_archive_is_named(small: Small, name: str, mode: str, kept: float) -> None:
    packed = pack(small, name, mode)
    content = packed.read_bytes()
    packed.write_bytes(content[: int(len(content) * kept)] or b"no archive at all")
    with pytest.raises(UserError, match=rf"IMDb.*{name}.*: (move it away, then )?download https://ai") as caught:
        tokens.read(small[0], folder=packed)
    assert "\n" not in str(caught.value)
    assert not everything(cache_folder())


def test_a_huge_member_is_not_read(small: Small) -> None:
    packed = pack(small, "huge.tar", "w")
    with tarfile.open(packed, "a") as tar:
        member = tarfile.TarInfo("aclImdb/train/neg/99_1.txt")
        member.size = 2**21
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    with pytest.raises(UserError, match=r"train/neg/99_1\.txt in it has 2,097,152 bytes"):
        imdb.read(small[0], folder=packed)


def test_a_folder_with_another_layout_is_told(small: Small) -> None:
    data_card, folder = small
    (folder / "aclImdb" / "test" / "pos").rename(folder / "aclImdb" / "test" / "positive")
    with pytest.raises(UserError, match=r"aclImdb has no folder test/pos, but it needs train/neg, .* one \.txt file"):
        tokens.read(data_card, folder=folder)
    empty = folder / "other" / "aclImdb"
    empty.mkdir(parents=True)
    with pytest.raises(UserError, match="has no folder train/neg"):
        tokens.read(data_card, folder=folder / "other")
    assert not everything(cache_folder())


def test_a_file_that_is_not_utf8_is_named(small: Small) -> None:
    data_card, folder = small
    (folder / "aclImdb" / "train" / "pos" / "0_10.txt").write_bytes(b"caf\xe9")
    complaint = (
        r"train/pos/0_10\.txt in .*aclImdb is not UTF-8 text \(byte 4 is 0xe9\), so the file is damaged: download"
    )
    with pytest.raises(UserError, match=complaint):
        tokens.read(data_card, folder=folder)
    with pytest.raises(UserError, match=r"train/pos/0_10\.txt in .*mine\.tar"):
        tokens.read(data_card, folder=pack(small, "mine.tar", "w"))
    assert not everything(cache_folder())


def test_other_reviews_are_refused(small: Small) -> None:
    data_card, folder = small
    path = folder / "aclImdb" / "train" / "neg" / "2_1.txt"
    before = path.read_bytes()
    path.write_bytes(before + b" ")
    with pytest.raises(
        UserError, match=r"aclImdb holds other reviews than the published ones \(sha256 [0-9a-f]{64}, the"
    ):
        tokens.read(data_card, folder=folder)
    path.unlink()
    with pytest.raises(
        UserError,
        match=r"holds \[1, 2, 2, 2\] reviews in train/neg, .*, not the published \[2, 2, 2, 2\]; it was left",
    ):
        tokens.read(data_card, folder=folder)
    assert not everything(cache_folder())


def test_what_is_missing_is_said_and_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError) as caught:
        tokens.read(card("imdb"), folder=tmp_path)
    for part in (
        "aclImdb, ",
        "aclImdb_v1.tar.gz",
        str(tmp_path),
        "--data",
        "$BENCHMARKS_DATA",
        "https://ai.stanford.edu",
    ):
        assert part in str(caught.value)
    assert "Hugging Face" not in str(caught.value).split(";")[0]  # a folder that is named is the only place
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setenv("BENCHMARKS_DATA", str(tmp_path / "a"))
    complaint = r"/a, then in .*/cache/benchmarks, then at Hugging Face .* datasets is not installed; download https"
    with pytest.raises(UserError, match=complaint):
        tokens.read(card("imdb"))
    assert not everything(cache_folder())


def test_hugging_face_gives_the_same_reviews_once(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name: str) -> Any:
        asked.append(name)
        return {"train": columns(TRAIN[::-1]), "test": columns(TEST), "unsupervised": columns([(-1, "x")])}

    pretend_hub(monkeypatch, load)
    assert imdb.read(small[0]) == imdb.read(small[0], folder=small[1])
    first, second = tokens.read(small[0])[1], tokens.read(small[0])[1]
    assert asked == ["stanfordnlp/imdb"] * 2  # the last time, the cache had them
    assert np.array_equal(first.ids, second.ids)
    assert first.words == tokens.read(small[0], folder=small[1])[1].words
    with pytest.raises(UserError, match=r"Hugging Face's copy holds \[2, 2, 2, 2\] reviews"):
        imdb.read(card("imdb"))


def test_a_failure_at_hugging_face_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Any:
        raise ConnectionError("Couldn't reach it\n(because).")

    pretend_hub(monkeypatch, load)
    with pytest.raises(
        UserError, match=r"\(stanfordnlp/imdb\), which failed \(Couldn't reach it \(because\)\); download"
    ):
        imdb.read(card("imdb"))


def test_without_a_network_nothing_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_hub(monkeypatch, lambda name: pytest.fail("asked"))
    monkeypatch.setattr(imdb, "server_error", server_error)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    complaint = (
        r"which does not answer \(.*refused; if it was downloaded before, set HF_HUB_OFFLINE=1\); download https"
    )
    with pytest.raises(UserError, match=complaint):
        imdb.read(card("imdb"))


def test_the_cache_serves_while_the_source_stays_the_same(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    data_card, folder = small
    corpus = tokens.read(data_card, folder=folder)[1]
    with monkeypatch.context() as patch:
        patch.setattr(imdb, "read_place", lambda *_: pytest.fail("read again"))
        cached_corpus = tokens.read(data_card, folder=folder)[1]
    assert cached_corpus.words == corpus.words
    assert cached_corpus.train == 4
    for cached_array, array in zip(cached_corpus[1:4], corpus[1:4], strict=True):
        assert np.array_equal(cached_array, array)  # type: ignore[arg-type]
    path = folder / "aclImdb" / "test" / "neg" / "2_1.txt"
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(UserError, match="other reviews than the published"):
        tokens.read(data_card, folder=folder)


def test_a_damaged_cache_is_made_anew(small: Small) -> None:
    data_card, folder = small
    corpus = tokens.read(data_card, folder=folder)[1]
    (cached,) = (cache_folder() / "text").glob("*.npz")
    sound = cached.read_bytes()
    with np.load(cached) as file:
        arrays = dict(file)
    arrays["ids"][0] += 1
    altered = io.BytesIO()
    np.savez(altered, **arrays)  # no checksum of zipfile's notices this one
    for damaged in (b"", b"no archive", sound[: len(sound) // 2], altered.getvalue()):
        cached.write_bytes(damaged)
        assert cache.load(cached) is None
        assert np.array_equal(tokens.read(data_card, folder=folder)[1].ids, corpus.ids)
        assert cached.read_bytes() == sound


def test_nothing_is_left_of_a_cache_that_could_not_be_written(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **named: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(tokens.read(small[0], folder=small[1])[1].labels) == 8
    assert not [name for name in everything(cache_folder()) if "npz" in name or name.startswith("text/.")]
    cache_folder().parent.rename(cache_folder().parent.with_name("away"))
    cache_folder().parent.write_bytes(b"a file where the cache should be")
    assert len(tokens.read(small[0], folder=small[1])[1].labels) == 8


@pytest.mark.skipif(REAL is None, reason="BENCHMARKS_DATA names no folder with real data")
def test_real_imdb() -> None:
    data_card = card("imdb")
    place = locate(data_card, folder=Path(str(REAL)))
    if place is None:
        pytest.skip("no IMDb in BENCHMARKS_DATA")
    corpus = tokens.read(data_card, folder=Path(str(REAL)))[1]
    assert np.bincount(corpus.labels[: corpus.train]).tolist() == [12500, 12500]
    assert np.bincount(corpus.labels[corpus.train :]).tolist() == [12500, 12500]
    assert len(corpus.words) == 100_684
    assert corpus.words[:8] == ("<unk>", "<pad>", "the", ".", ",", "and", "a", "of")
