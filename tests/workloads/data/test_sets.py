"""Data sets in memory: the embedded ones, subsets, and real CIFAR-10 where it is."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.errors import UserError
from benchmarks.workloads.data import places
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.images import digits
from benchmarks.workloads.data.images.in_memory import ImageSet
from benchmarks.workloads.data.load import load as load_any
from benchmarks.workloads.data.random_keys import Purpose, draw, order
from benchmarks.workloads.data.sampling import balanced

REAL = os.environ.get("BENCHMARKS_DATA")


def load(name: str, **options: Any) -> ImageSet:
    data = load_any(name, **options)
    assert isinstance(data, ImageSet)
    return data


@pytest.mark.parametrize("name", ["digits", "digit-pairs", "digit-scenes"])
def test_embedded_data_is_as_its_card_says(name: str) -> None:
    data = load(name)  # compares the fingerprint as well
    data_card = card(name)
    assert data.train_inputs.shape == (data_card.train_samples, *data_card.shape)
    assert data.test_inputs.shape == (data_card.test_samples, *data_card.shape)
    assert data.train_inputs.dtype == data.test_inputs.dtype == torch.uint8
    assert data.train_labels.dtype == data.test_labels.dtype == torch.int64
    assert data.test_labels.bincount().tolist() == [data_card.test_samples // data_card.classes] * data_card.classes
    values = data.train_inputs.double() / 255
    assert values.mean((0, 2, 3)).tolist() == pytest.approx(data_card.mean, abs=1e-4)
    assert values.std((0, 2, 3)).tolist() == pytest.approx(data_card.std, abs=1e-4)


def test_other_digits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "fingerprint", lambda train, test: "0" * 64)
    with pytest.raises(UserError, match="Handwritten digits: the digits of the installed scikit-learn are not those"):
        load("digits")


def test_a_subset_is_balanced_and_fixed() -> None:
    once, again = (load("digit-pairs", train_samples=1280, test_samples=500) for _ in range(2))
    assert once.train_labels.bincount().tolist() == [1280 // 100 + (k < 80) for k in range(100)]
    assert once.test_labels.bincount().tolist() == [5] * 100
    assert torch.equal(once.train_inputs, again.train_inputs)
    assert torch.equal(once.test_inputs, again.test_inputs)


def test_smaller_subsets_lie_within_larger_ones() -> None:
    labels = np.random.RandomState(0).randint(0, 10, 1000)
    small, large = balanced(labels, 100), balanced(labels, 500)
    assert set(small) < set(large)
    assert np.bincount(labels[small]).tolist() == [10] * 10
    assert balanced(labels, 1000).tolist() == list(range(1000))


@pytest.mark.parametrize("samples", [0, -1, 1438])
def test_a_subset_larger_than_the_data_is_refused(samples: int) -> None:
    with pytest.raises(UserError, match=f"has 1437 train samples, not {samples}: take from 1 to 1437"):
        load("digits", train_samples=samples)


def test_random_numbers_are_the_same_in_every_version() -> None:
    assert draw(2, Purpose.PERMUTATION, 1, 2, 3).tolist() == [11301875731400486410, 17766645370889576744]
    assert order(8, Purpose.PERMUTATION, 0, 1).tolist() == [3, 1, 7, 4, 5, 0, 2, 6]
    with pytest.raises(ValueError, match="must lie in"):
        draw(1, Purpose.PERMUTATION, 2**32)


@pytest.mark.skipif(REAL is None, reason="BENCHMARKS_DATA names no folder with real data")
def test_real_cifar10(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHMARKS_DATA", str(REAL))
    data_card = card("cifar10")
    if places.locate(data_card) is None:
        pytest.skip("no CIFAR-10 in BENCHMARKS_DATA")
    data = load("cifar10")
    assert data.train_inputs.shape == (50000, 3, 32, 32)
    assert data.train_labels.bincount().tolist() == [5000] * 10
    assert data.test_labels.bincount().tolist() == [1000] * 10
    assert (int(data.train_labels[0]), int(data.test_labels[0])) == (6, 3)  # a frog, a cat
    assert data.train_inputs[0, :, 0, 0].tolist() == [59, 62, 63]
    values = data.train_inputs[::10].double() / 255
    assert values.mean((0, 2, 3)).tolist() == pytest.approx(data_card.mean, abs=5e-3)
