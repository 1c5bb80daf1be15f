"""Data sets in memory: `load` reads one by the name of its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.data import cifar, embedded
from benchmarks.data.arrays import Split, balanced
from benchmarks.data.cards import DataCard, card
from benchmarks.errors import UserError


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images, uint8 of shape (N, C, H, W), and labels, int64 of shape (N,), of both splits, on the CPU."""

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    card: DataCard


def load(
    name: str,
    *,
    folder: Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    download: bool = True,
) -> DataSet:
    """Read the data set of that name; of each split all samples, or a fixed subset with equal shares of the classes.

    A subset is the same for every run, whatever its seed. `folder` is where to look for a data set that does not come
    with a dependency, and then the only place; see `benchmarks.data.cifar.read` for the others.

    Raises UserError where the name is unknown, the data missing or damaged, or a subset larger than the data.
    """
    known = card(name)
    _check(known, "train", train_samples, known.train_samples)
    _check(known, "test", test_samples, known.test_samples)
    read = embedded.read(known) if known.embedded else cifar.read(known, folder=folder, download=download)
    train, test = _subset(read[0], train_samples), _subset(read[1], test_samples)
    return DataSet(
        name=name,
        train_images=torch.from_numpy(train.images),
        train_labels=torch.from_numpy(train.labels),
        test_images=torch.from_numpy(test.images),
        test_labels=torch.from_numpy(test.labels),
        card=known,
    )


def _check(known: DataCard, split: str, wanted: int | None, there: int) -> None:
    if wanted is not None and not 1 <= wanted <= there:
        raise UserError(f"{known.title} has {there} {split} samples, not {wanted}: take from 1 to {there} of them.")


def _subset(split: Split, samples: int | None) -> Split:
    if samples is None or samples == len(split.labels):
        return split
    return split.take(balanced(split.labels, samples))
