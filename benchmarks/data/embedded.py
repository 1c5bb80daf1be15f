"""The data sets that come with a dependency: scikit-learn's handwritten digits, and pairs of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data.arrays import Split, fingerprint
from benchmarks.data.cards import DataCard
from benchmarks.data.draws import Purpose, below, draw, order
from benchmarks.errors import UserError

_BRIGHTEST = 16
_TEST_DIGITS_PER_CLASS = 36


def read(card: DataCard) -> tuple[Split, Split]:
    """The training and the test split of `digits` or `digit-pairs`, checked against the card's fingerprint.

    Raises UserError where scikit-learn is missing or brings other digits.
    """
    train, test = _digits(card)
    if card.name == "digit-pairs":
        per_class = card.train_samples // card.classes, card.test_samples // card.classes
        train, test = _pairs(train, per_class[0], Purpose.TRAIN_PAIRS), _pairs(test, per_class[1], Purpose.TEST_PAIRS)
    found = fingerprint(train, test)
    if found != card.fingerprint:
        raise UserError(
            f"{card.title}: the digits of the installed scikit-learn are not those of the data card (sha256 {found}, "
            f"the card says {card.fingerprint}): install scikit-learn again, in a version that pyproject.toml allows."
        )
    return train, test


def _digits(card: DataCard) -> tuple[Split, Split]:
    """1797 images of 8 x 8 pixels, split once and for all, by class, into 1437 and 360."""
    table = _table(card)
    images = np.rint(table[:, :-1] * (255 / _BRIGHTEST)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = table[:, -1].astype(np.int64)
    shuffled = order(len(labels), Purpose.SPLIT)
    held_out = np.concatenate([shuffled[labels[shuffled] == digit][:_TEST_DIGITS_PER_CLASS] for digit in range(10)])
    kept = np.setdiff1d(np.arange(len(labels)), held_out)
    digits = Split(images, labels)
    return digits.take(kept), digits.take(np.sort(held_out))


def _table(card: DataCard) -> NDArray[np.float64]:
    """One row per image: 64 values from 0 to 16, then the digit; shape (1797, 65)."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise UserError(f"{card.title} needs scikit-learn, which is not installed: {card.obtain}.")
    table = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if table.is_file():  # importing sklearn.datasets for this one file takes two seconds
        return np.loadtxt(table, delimiter=",")
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    return np.column_stack([values, labels])


def _pairs(digits: Split, per_class: int, purpose: Purpose) -> Split:
    """`per_class` different pairs of each of the 100 classes, side by side: images of 8 x 16 pixels."""
    by_class = [np.flatnonzero(digits.labels == digit) for digit in range(10)]
    left, right = np.concatenate([_choose(by_class, kind, per_class, purpose) for kind in range(100)], axis=1)
    images = np.concatenate([digits.images[left], digits.images[right]], axis=3)
    return Split(images, digits.labels[left] * 10 + digits.labels[right])


def _choose(by_class: list[NDArray[np.int64]], kind: int, count: int, purpose: Purpose) -> NDArray[np.int64]:
    """Positions of the left and right digits of `count` pairs of class `kind`, shape (2, count)."""
    lefts, rights = by_class[kind // 10], by_class[kind % 10]
    codes = below(draw(4 * count, purpose, kind), len(lefts) * len(rights))  # enough for `count` different ones
    _, first = np.unique(codes, return_index=True)
    chosen = codes[np.sort(first)[:count]]
    return np.stack([lefts[chosen // len(rights)], rights[chosen % len(rights)]])
