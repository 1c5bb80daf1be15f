"""Archives and folders that would fill the memory, or have no end: refused with a sentence, and nothing is changed."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data import archives, cache
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.data.images import cifar, decode, folder_tree
from benchmarks.workloads.data.text import imdb
from benchmarks.workloads.data.text.in_memory import read
from results import reading
from tests.endless import Make, endless, huge
from tests.workloads.data.files import everything

REVIEW = "aclImdb/train/neg/{}_1.txt"


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(content))


def many_reviews(path: Path) -> None:
    with tarfile.open(path, "w:xz") as tar:
        for number in range(9):
            add(tar, REVIEW.format(number), bytes(2**10))


def other_files(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        add(tar, "aclImdb/train/labeledBow.feat", bytes(2**20))


def many_members(path: Path) -> None:
    with tarfile.open(path, "w:bz2") as tar:
        for number in range(40):
            add(tar, f"{number}")


def pax_header(path: Path) -> None:
    with tarfile.open(path, "w:xz", format=tarfile.PAX_FORMAT) as tar:
        add(tar, "small", pax_headers={"comment": "0" * 2**18})


def long_name(path: Path) -> None:
    with tarfile.open(path, "w:xz", format=tarfile.GNU_FORMAT) as tar:
        add(tar, "n" * 2**18)


def headers_of_headers(path: Path) -> None:
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 6
    path.write_bytes((header.tobuf() + b"6 a=b\n".ljust(512, b"\0")) * 3000)


def claimed_header(path: Path) -> None:
    """Writes a header that claims 8 GB, of which nothing is there."""
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 2**33 - 1
    path.write_bytes(header.tobuf())


def cut(path: Path) -> None:
    with tarfile.open(path, "w:xz") as tar:
        add(tar, "some", os.urandom(2**12))
        add(tar, "other", os.urandom(2**12))
    path.write_bytes(path.read_bytes()[: 2**12])


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that small files reach."""
    monkeypatch.setattr(imdb, "BOUNDS", archives.Bounds(unpacked_bytes=2**19, member_bytes=2**14, members=30))
    monkeypatch.setattr(archives, "_CHUNK_BYTES", 2**14)


def refused(read: Callable[[], object], words: str, folder: Path) -> None:
    """In one sentence that says these words; nothing in the folder has changed."""
    before = everything(folder)
    with pytest.raises(UserError, match=words) as caught:
        read()
    assert "\n" not in str(caught.value)
    assert everything(folder) == before


@pytest.mark.usefixtures("low")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (other_files, "it unpacks to more than 524,288 bytes"),
        (many_members, "it has more than 30 members"),
        (pax_header, "a header or a file in it has 26[0-9,]+ bytes"),
        (long_name, "a header or a file in it has 26[0-9,]+ bytes"),
        (claimed_header, "a header or a file in it has 8,589,934,[0-9]+ bytes"),
        (headers_of_headers, "a header is wrong"),
        (cut, "it ends in the middle"),
    ],
)
def test_an_archive_that_claims_too_much_is_refused(make: Make, words: str, tmp_path: Path) -> None:
    packed = tmp_path / "aclImdb_v1.tar.xz"
    make(packed)
    assert packed.stat().st_size < 4 * 2**20
    refused(lambda: read(card("imdb"), tmp_path), words, tmp_path)


def test_what_unpacking_takes_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive says how much memory its dictionary needs."""
    many_reviews(tmp_path / "aclImdb_v1.tar.xz")
    monkeypatch.setattr(archives, "_LZMA_BYTES", 2**20)
    refused(lambda: read(card("imdb"), tmp_path), "Memory usage limit exceeded", tmp_path)


@pytest.mark.usefixtures("low")
def test_links_devices_and_pipes_in_an_archive_are_no_reviews(tmp_path: Path) -> None:
    packed = tmp_path / "aclImdb_v1.tar"
    with tarfile.open(packed, "w") as tar:
        add(tar, "/etc/outside", b"text")
        add(tar, "../outside", b"text")
        for number, kind in enumerate((tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
            add(tar, REVIEW.format(number), type=kind, linkname="/dev/zero", devmajor=1, devminor=5)
    refused(lambda: read(card("imdb"), tmp_path), r"holds \[0, 0, 0, 0\] reviews in train/neg", tmp_path)


# ---- what is no file


@endless
def test_an_archive_without_an_end(make: Make, words: str, tmp_path: Path) -> None:
    for name in ("aclImdb_v1.tar.gz", "aclImdb_v1.tar.xz"):
        (tmp_path / name).mkdir()
        make(tmp_path / name / name)
        refused(lambda name=name: imdb.read(card("imdb"), folder=tmp_path / name), words, tmp_path)  # type: ignore[misc]
    make(tmp_path / "cifar-10-python.tar.gz")
    refused(lambda: cifar.read(card("cifar10"), folder=tmp_path), words, tmp_path)


@endless
def test_a_review_without_an_end(make: Make, words: str, tmp_path: Path) -> None:
    for name in ("train/neg", "train/pos", "test/neg", "test/pos"):
        (tmp_path / "aclImdb" / name).mkdir(parents=True)
    make(tmp_path / "aclImdb" / "train" / "neg" / "0_1.txt")
    refused(lambda: read(card("imdb"), tmp_path), words, tmp_path)


@endless
def test_a_pickle_without_an_end(make: Make, words: str, small: tuple[DataCard, Path]) -> None:
    data_card, folder = small
    (folder / "cifar-10-batches-py" / "data_batch_3").unlink()
    make(folder / "cifar-10-batches-py" / "data_batch_3")
    refused(lambda: cifar.read(data_card, folder=folder), words, folder)


@endless
def test_an_image_without_an_end(make: Make, words: str, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split / "cat").mkdir(parents=True)
        make(tmp_path / split / "cat" / "1.png")
    refused(lambda: decode.open_rgb(str(tmp_path / "train" / "cat" / "1.png")), words, tmp_path)
    if make is not huge:
        refused(lambda: folder_tree.index(tmp_path), words, tmp_path)


@endless
def test_kept_tokens_without_an_end_are_made_anew(make: Make, words: str, tmp_path: Path) -> None:
    make(tmp_path / "kept.npz")
    assert cache.load(tmp_path / "kept.npz") is None


def test_a_link_to_a_regular_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1234")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert reading.content(tmp_path / "link", 4) == b"1234"
    with pytest.raises(OSError, match="more than 3 bytes"):
        reading.content(tmp_path / "link", 3)
    with pytest.raises(OSError, match="no regular file"):
        reading.content(tmp_path, 3)
    assert reading.content(Path("/proc/self/status"), 2**20).startswith(b"Name:")
    with pytest.raises(OSError, match="more than 3 bytes"):
        reading.content(Path("/proc/self/status"), 3)


def test_an_xz_archive_of_several_streams_is_read_whole(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        add(tar, "a", os.urandom(3000))
        add(tar, "b", b"text")
    half = len(archive.getvalue()) // 2
    packed = lzma.compress(archive.getvalue()[:half]) + lzma.compress(archive.getvalue()[half:])
    bounds = replace(archives.BOUNDS, members=2)
    with pytest.raises(archives.OutOfBounds):
        list(archives.files(io.BytesIO(packed), replace(bounds, members=1), str))
    contents = dict(archives.files(io.BytesIO(packed), bounds, str))
    assert contents["b"] == b"text"
    assert len(contents["a"]) == 3000
