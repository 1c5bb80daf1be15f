"""A small data set laid out like CIFAR-10, with checksums of its own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard, DataFile, card
from tests.sure import sure
from tests.workloads.data.files import md5


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a test's own folders are searched."""
    monkeypatch.delenv("BENCHMARKS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def fresh_cards() -> Iterator[None]:
    cards.card.cache_clear()
    yield
    cards.card.cache_clear()


def published(folder: Path) -> DataCard:
    """The card of CIFAR-10 with the checksums of the files in this folder."""
    cifar10 = card("cifar10")
    assert cifar10.download is not None
    files = tuple(replace(file, md5=md5(folder / file.name)) for file in cifar10.download.files)
    return replace(cifar10, download=replace(cifar10.download, files=files))


@pytest.fixture
def small(tmp_path: Path) -> tuple[DataCard, Path]:
    """A card like CIFAR-10's, and a folder holding `cifar-10-batches-py` with ten images in each file."""
    download = sure(card("cifar10").download)
    folder = tmp_path / "data" / download.folder
    folder.mkdir(parents=True)
    for number, file in enumerate(download.files):
        (folder / file.name).write_bytes(_python2_pickle(file, number))
    return published(folder), folder.parent


def _python2_pickle(file: DataFile, number: int) -> bytes:
    pixels = np.random.RandomState(number).randint(0, 256, (10, 3072), np.uint8)
    content = {"batch_label": file.name, "labels": [(number + k) % 10 for k in range(10)], "data": pixels}
    return pickle.dumps(content, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
