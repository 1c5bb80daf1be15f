"""The stand-in for ImageNet: scenes with a handwritten digit."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.images import digits as embedded
from benchmarks.workloads.data.images.arrays import Split
from benchmarks.workloads.data.random_keys import Purpose

PER_CLASS = 3


@pytest.fixture(scope="module")
def digits() -> Split:
    return embedded.read(card("digits"))[0]


@pytest.fixture(scope="module")
def scenes(digits: Split) -> Split:
    return embedded._scenes(digits, PER_CLASS, Purpose.TRAIN_SCENES)


def test_every_class_has_its_share(scenes: Split) -> None:
    assert scenes.images.shape == (20 * PER_CLASS, 3, 32, 32)
    assert scenes.labels.tolist() == [kind for kind in range(20) for _ in range(PER_CLASS)]


def test_a_digit_stands_in_each_scene_light_on_dark_or_dark_on_light(digits: Split, scenes: Split) -> None:
    """Ink is brighter than the ground by 65 of 255 at least, or darker; the noise is at most 16."""
    for image, label in zip(scenes.images.astype(int), scenes.labels, strict=True):
        ground = np.median(image, axis=(1, 2), keepdims=True)
        ink = (image - ground) * (1 if label < 10 else -1)
        rows, columns = np.nonzero((ink > 34).all(0))
        assert len(rows) > 20
        assert ink.min() >= -34  # nothing but noise on the other side
        assert max(np.ptp(rows), np.ptp(columns)) < 24


def test_a_scene_shows_a_digit_of_its_class(digits: Split, scenes: Split) -> None:
    """Somewhere in the scene, two or three times as large, lies one of the split's digits."""
    image, label = scenes.images[4 * PER_CLASS].astype(float), 4
    best = 0.0
    for digit in digits.images[digits.labels == label, 0].astype(float):
        for factor in (2, 3):
            large = digit.repeat(factor, 0).repeat(factor, 1)
            for top in range(33 - len(large)):
                row = np.lib.stride_tricks.sliding_window_view(image[0, top : top + len(large)], len(large), axis=1)
                windows = row.transpose(1, 0, 2).reshape(33 - len(large), -1)
                shown = windows - windows.mean(1, keepdims=True)
                ink = (large - large.mean()).ravel()
                norms = np.linalg.norm(shown, axis=1) * np.linalg.norm(ink)
                best = max(best, float((shown @ ink / norms).max()))
    assert best > 0.95


def test_scenes_depend_on_nothing_but_their_class_and_number(digits: Split, scenes: Split) -> None:
    more = embedded._scenes(digits, PER_CLASS + 1, Purpose.TRAIN_SCENES)
    assert np.array_equal(more.images.reshape(20, -1, 3, 32, 32)[:, :PER_CLASS].reshape(-1, 3, 32, 32), scenes.images)
    other = embedded._scenes(digits, PER_CLASS, Purpose.TEST_SCENES)
    assert not np.array_equal(other.images, scenes.images)
