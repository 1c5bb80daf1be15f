"""The data sets that come with a dependency: scikit-learn's handwritten digits, pairs of them, and scenes with one."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.images.arrays import Split, fingerprint
from benchmarks.workloads.data.random_keys import Purpose, below, draw, order

_BRIGHTEST = 16
_TEST_DIGITS_PER_CLASS = 36
_SIDE = 32  # of a scene, in pixels
_NOISE = 16  # added to each value of a scene, or taken from it, at most


def read(card: DataCard) -> tuple[Split, Split]:
    """Returns the training and the test split of the card's data set, checked against the card's fingerprint.

    Raises UserError where scikit-learn brings other digits.
    """
    train, test = _digits()
    per_class = card.train_samples // card.classes, card.test_samples // card.classes
    if card.name == "digit-pairs":
        train, test = _pairs(train, per_class[0], Purpose.TRAIN_PAIRS), _pairs(test, per_class[1], Purpose.TEST_PAIRS)
    if card.name == "digit-scenes":
        train = _scenes(train, per_class[0], Purpose.TRAIN_SCENES)
        test = _scenes(test, per_class[1], Purpose.TEST_SCENES)
    sha256 = fingerprint(train, test)
    if sha256 != card.fingerprint:
        raise UserError(
            f"{card.title}: the digits of the installed scikit-learn are not those of the data card (sha256 {sha256}, "
            f"the card says {card.fingerprint}): install scikit-learn again, in a version that pyproject.toml allows."
        )
    return train, test


def _digits() -> tuple[Split, Split]:
    """Returns scikit-learn's 1797 images of 8 x 8 pixels, always split into the same 1437 and 360, by class."""
    # Importing sklearn.datasets for this one file takes two seconds.
    file = metadata.distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    table = np.loadtxt(Path(str(file)), delimiter=",")  # (1797, 65): 64 values from 0 to 16, then the digit
    images = np.rint(table[:, :-1] * (255 / _BRIGHTEST)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = table[:, -1].astype(np.int64)
    shuffled = order(len(labels), Purpose.SPLIT)
    held_out = np.concatenate([shuffled[labels[shuffled] == digit][:_TEST_DIGITS_PER_CLASS] for digit in range(10)])
    training = np.setdiff1d(np.arange(len(labels)), held_out)
    digits = Split(images, labels)
    return digits.take(training), digits.take(np.sort(held_out))


def _pairs(digits: Split, per_class: int, purpose: Purpose) -> Split:
    """Makes `per_class` different pairs of digits of each of the 100 classes, side by side: images of 8 x 16 pixels."""
    by_class = [np.flatnonzero(digits.labels == digit) for digit in range(10)]
    left, right = np.concatenate([_choose(by_class, kind, per_class, purpose) for kind in range(100)], axis=1)
    images = np.concatenate([digits.images[left], digits.images[right]], axis=3)
    return Split(images, digits.labels[left] * 10 + digits.labels[right])


def _choose(by_class: list[NDArray[np.int64]], kind: int, count: int, purpose: Purpose) -> NDArray[np.int64]:
    """Draws the positions of the left and right digits of `count` pairs of class `kind`, shape (2, count)."""
    lefts, rights = by_class[kind // 10], by_class[kind % 10]
    codes = below(draw(4 * count, purpose, kind), len(lefts) * len(rights))  # enough for `count` different ones
    _, first = np.unique(codes, return_index=True)
    chosen = codes[np.sort(first)[:count]]
    return np.stack([lefts[chosen // len(rights)], rights[chosen % len(rights)]])


def _scenes(digits: Split, per_class: int, purpose: Purpose) -> Split:
    """Makes `per_class` images of each of 20 classes: the digit, plus 10 where it is darker than its background."""
    images = np.stack([_scene(digits, kind, number, purpose) for kind in range(20) for number in range(per_class)])
    return Split(images, np.repeat(np.arange(20), per_class))


def _scene(digits: Split, kind: int, number: int, purpose: Purpose) -> NDArray[np.uint8]:
    """Draws a digit, two or three times its size, on a background of another colour, with noise; shape (3, 32, 32)."""
    words = draw(10 + 3 * _SIDE * _SIDE // 8, purpose, kind, number)
    those = np.flatnonzero(digits.labels == kind % 10)
    digit = digits.images[those[below(words[0:1], len(those))[0]], 0].astype(np.int64)
    factor = 2 + int(below(words[1:2], 2)[0])
    large = digit.repeat(factor, 0).repeat(factor, 1)
    top, left = below(words[2:4], _SIDE - len(large) + 1)
    ink = np.zeros((_SIDE, _SIDE), np.int64)
    ink[top : top + len(large), left : left + len(large)] = large
    dark, light = below(words[4:7], 96), 160 + below(words[7:10], 96)  # red, green and blue
    back, front = (dark, light) if kind < 10 else (light, dark)
    scene = back[:, None, None] + (front - back)[:, None, None] * ink // 255
    noise = words[10:].astype("<u8").view(np.uint8).reshape(scene.shape) % (2 * _NOISE + 1) - np.int64(_NOISE)
    return np.asarray((scene + noise).clip(0, 255), np.uint8)
