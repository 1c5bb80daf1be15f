"""CIFAR's files: where they are looked for, what is checked before any is opened, and what is said."""

from __future__ import annotations

import os
import pickle
import re
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data import places
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.data.images import cifar
from benchmarks.workloads.data.load import load
from benchmarks.workloads.data.places import cache_folder
from tests.sure import sure
from tests.workloads.data.files import everything, md5, with_archive

Small = tuple[DataCard, Path]


def archive(small: Small) -> Path:
    """The small data set as a .tar.gz beside its folder's parent, the folder itself removed from sight."""
    data_card, folder = small
    assert data_card.download is not None
    packed = folder.parent / "packed" / data_card.download.archive
    packed.parent.mkdir()
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder / data_card.download.folder, data_card.download.folder)
    return packed


class Bomb:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def plant_bombs(folder: Path) -> Path:
    download = sure(card("cifar10").download)
    folder.mkdir(parents=True)
    for file in download.files:
        (folder / file.name).write_bytes(pickle.dumps(Bomb(folder / "went-off"), protocol=2))
    return folder / "went-off"


def test_images_and_labels_are_read_in_the_published_order(small: Small) -> None:
    train, test = cifar.read(small[0], folder=small[1])
    assert train.images.shape == (50, 3, 32, 32)
    assert train.images.dtype == np.uint8
    first = np.random.RandomState(0).randint(0, 256, (10, 3072), np.uint8)
    assert np.array_equal(train.images[:10].reshape(10, -1), first)
    assert train.labels.tolist() == [(number + k) % 10 for number in range(5) for k in range(10)]
    assert test.labels.tolist() == [(5 + k) % 10 for k in range(10)]


def test_the_folder_itself_will_do(small: Small) -> None:
    data_card, folder = small
    assert places.locate(data_card, folder=folder / "cifar-10-batches-py") == folder / "cifar-10-batches-py"
    renamed = (folder / "cifar-10-batches-py").rename(folder / "renamed")
    assert len(cifar.read(data_card, folder=renamed)[0].labels) == 50


def test_an_archive_will_do_and_is_read_in_memory(small: Small) -> None:
    packed = archive(small)
    data_card = with_archive(small[0], packed)
    expected = cifar.read(small[0], folder=small[1])[0].images
    for place in (packed.parent, packed):
        assert np.array_equal(cifar.read(data_card, folder=place)[0].images, expected)
    assert [path.name for path in packed.parent.iterdir()] == [packed.name]


def test_the_environment_variable_comes_before_the_cache(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_card, folder = small
    cached = cache_folder() / "cifar-10-batches-py"
    cached.parent.mkdir(parents=True)
    (folder / "cifar-10-batches-py").rename(cached)
    monkeypatch.setenv("BENCHMARKS_DATA", str(tmp_path / "elsewhere"))
    assert places.locate(data_card) == cached
    (tmp_path / "elsewhere" / "cifar-10-batches-py").mkdir(parents=True)
    assert places.locate(data_card) == tmp_path / "elsewhere" / "cifar-10-batches-py"


def test_a_damaged_file_is_named_and_never_unpickled(tmp_path: Path) -> None:
    went_off = plant_bombs(tmp_path / "cifar-10-batches-py")
    before = everything(tmp_path)
    with pytest.raises(UserError, match=r"data_batch_1 in .*cifar-10-batches-py is damaged .* it was not opened"):
        load("cifar10", folder=tmp_path)
    assert everything(tmp_path) == before
    assert not went_off.exists()


def test_the_unpickler_calls_nothing_even_if_checksums_match(small: Small, tmp_path: Path) -> None:
    went_off = plant_bombs(tmp_path / "bombs")
    data_card = small[0]
    assert data_card.download is not None
    files = tuple(replace(file, md5=md5(tmp_path / "bombs" / file.name)) for file in data_card.download.files)
    data_card = replace(data_card, download=replace(data_card.download, files=files))
    with pytest.raises(pickle.UnpicklingError, match=r"mkdir has no place in a data file"):
        cifar.read_place(data_card, tmp_path / "bombs")
    assert not went_off.exists()


def test_an_archive_with_another_checksum_is_not_opened(small: Small) -> None:
    packed = archive(small)
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz is damaged or not the published file .* not opened"):
        cifar.read(small[0], folder=packed.parent)


def test_a_missing_file_is_named(small: Small) -> None:
    data_card, folder = small
    (folder / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(UserError, match=r"data_batch_3.*download https://www\.cs\.toronto\.edu"):
        cifar.read(data_card, folder=folder)


def test_missing_data_says_what_where_and_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError) as caught:
        load("cifar100", folder=tmp_path)
    for part in ("cifar-100-python, cifar-100-python.tar.gz", str(tmp_path), "--data", "$BENCHMARKS_DATA"):
        assert part in str(caught.value)
    monkeypatch.setenv("BENCHMARKS_DATA", str(tmp_path / "a"))
    assert re.search(r"looked for .* in .*/a, then in .*/cache/benchmarks;", str(places.missing(card("cifar10"))))


@contextmanager
def served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The folder behind a local address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_download_is_verified_and_moved_into_the_cache_whole(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(small)
    cache = cache_folder()
    with served(packed.parent, monkeypatch) as address:
        data_card = with_archive(small[0], packed, url=f"{address}/{packed.name}")
        wrong_card = with_archive(small[0], packed, url=f"{address}/{packed.name}", checksum="0" * 32)
        with pytest.raises(
            UserError, match=r"downloading cifar-10-python.tar.gz from http.* failed \(File not found or"
        ):
            cifar.read(wrong_card)
        assert set(everything(cache)) <= {".cifar10.lock"}
        cifar.read(data_card)
    # The server is gone: the cache serves from now on.
    assert len(cifar.read(data_card)[0].labels) == 50
    assert {path.name for path in cache.iterdir()} <= {".cifar10.lock", "cifar-10-batches-py"}
    assert everything(cache / "cifar-10-batches-py") == everything(small[1] / "cifar-10-batches-py")


def test_without_a_network_the_sentence_comes_at_once(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(small[1], monkeypatch) as address:
        pass  # nobody listens there any more
    with pytest.raises(UserError, match=r"failed \(.*refused.*\): download https://www\.cs\.toronto\.edu"):
        cifar.read(with_archive(small[0], small[1] / "cifar-10-batches-py" / "test_batch", url=f"{address}/nothing"))
    assert set(everything(cache_folder())) <= {".cifar10.lock"}
