"""Images of a user's own as arrays: layouts, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.errors import UserError
from benchmarks.workloads.data import own_card
from benchmarks.workloads.data.images import own_images
from benchmarks.workloads.data.load import load
from tests.workloads.own_files import CARD, card

SHAPE = (3, 8, 6)
Arrays = dict[str, Any]


@pytest.fixture
def arrays() -> Arrays:
    draw = np.random.RandomState(0)
    images = {
        name: draw.randint(0, 256, (count, 8, 6, 3), np.uint8) for name, count in (("x_train", 12), ("x_test", 2))
    }
    return {**images, "y_train": np.arange(12) % 4, "y_test": np.array([[3], [0]], np.uint8)}


def write(folder: Path, arrays: Arrays) -> Path:
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


def test_channels_may_come_first_or_last(tmp_path: Path, arrays: Arrays) -> None:
    channels_last = own_images.read_arrays(write(tmp_path, arrays), SHAPE, 2**20)
    assert np.array_equal(channels_last[0].images, arrays["x_train"].transpose(0, 3, 1, 2))
    assert (channels_last[1].labels.tolist(), channels_last[1].labels.dtype.name) == ([3, 0], "int64")
    channels_first = {name: value.transpose(0, 3, 1, 2) if name[0] == "x" else value for name, value in arrays.items()}
    assert np.array_equal(
        own_images.read_arrays(write(tmp_path, channels_first), SHAPE, 2**20)[0].images, channels_last[0].images
    )
    grey = {name: value[..., 0] if name[0] == "x" else value for name, value in arrays.items()}
    assert own_images.read_arrays(write(tmp_path, grey), (1, 8, 6), 2**20)[0].images.shape == (12, 1, 8, 6)


def test_arrays_are_a_data_set(tmp_path: Path, arrays: Arrays) -> None:
    write(tmp_path, arrays)
    path = card(tmp_path, CARD.replace('folder = "leaves"', 'file = "mine.npz"').replace("8, 8]", "8, 6]"))
    data_card = own_card.load(path)
    assert (data_card.numbers, data_card.shape) == ((4, 12, 2), SHAPE)
    assert load(data_card).card == data_card


def test_targets_may_be_numbers_for_a_task_of_ones_own(tmp_path: Path, arrays: Arrays) -> None:
    numbers = {"y_train": np.linspace(-1, 1, 12), "y_test": np.array([[0.5], [1.5]], np.float16)}
    write(tmp_path, arrays | numbers)
    path = card(tmp_path, CARD.replace('folder = "leaves"', 'file = "mine.npz"').replace("8, 8]", "8, 6]"))
    data_card = own_card.load(path)
    assert (data_card.numbers, data_card.floats) == ((1, 12, 2), True)
    batches = load(data_card, train_samples=6).batches(batch=3, seed=0, device=torch.device("cpu"), augment=False)
    _, targets = batches.batch(0, 0)
    assert (targets.dtype, targets.shape) == (torch.float32, (3,))
    ((_, held_out_targets),) = batches.test()
    assert held_out_targets.tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("x_train", np.zeros((12, 8, 6, 3), np.float32), r"x_train is of float32, and whole numbers from 0 to 255"),
        ("x_test", np.zeros((2, 8, 7, 3), np.uint8), r"x_test has the shape \(2, 8, 7, 3\), and \(N, 8, 6, 3\)"),
        ("x_test", np.zeros((0, 8, 6, 3), np.uint8), r"x_test has the shape \(0,"),
        ("x_train", np.uint8(3), r"x_train has the shape \(\), and"),
        ("y_train", np.zeros(11, np.int64), r"y_train is of int64 and has the shape \(11,\), and 12 whole numbers"),
        ("y_train", np.full(12, np.inf), r"y_train has numbers that are not finite"),
        ("y_test", np.zeros(2), r"of y_train and y_test one has classes, the other numbers"),
        ("y_train", np.arange(12) - 1, r"y_train has -1: number the classes from 0"),
        ("y_test", np.array([0, 2**40]), r"y_train lacks a number up to 1099511627776"),
        ("y_test", None, r"there is no y_test: it has to have x_train, y_train, x_test, y_test"),
        ("y_train", np.array([object()] * 12), r"mine\.npz cannot be read \(Object arrays cannot be loaded"),
    ],
)
def test_a_bad_array_is_told_in_one_sentence(
    tmp_path: Path, arrays: Arrays, name: str, value: Any, complaint: str
) -> None:
    changed = {**arrays, name: value}
    path = write(tmp_path, {key: array for key, array in changed.items() if array is not None})
    with pytest.raises(UserError, match=complaint) as caught:
        own_images.read_arrays(path, SHAPE, 2**20)
    assert "\n" not in str(caught.value)


def test_a_zip_that_unpacks_to_more_than_fits_is_refused(
    tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_images, "_LABELS_BYTES", 0)
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **{**arrays, "x_train": np.zeros((2000, 8, 6, 3), np.uint8)})
    with pytest.raises(UserError, match=r"cannot be read \(they have more than 100,000 bytes\)"):
        own_images.read_arrays(path, SHAPE, 100_000)
    path.write_bytes(b"no zip")
    with pytest.raises(UserError, match="cannot be read"):
        own_images.read_arrays(path, SHAPE, 100_000)
