"""Data sets: the interface of every kind, and `load`, which reads one by its card's name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.data.images import folder as image_folder
from benchmarks.workloads.data.images import in_memory as images
from benchmarks.workloads.data.options import Shards, Text, Tokens
from benchmarks.workloads.data.text import in_memory as texts
from benchmarks.workloads.data.text import windows


class Batches(Protocol):
    """A run's batches on one device: inputs (B, ...) and targets, int64 labels (B,) or tokens (B, T).

    A training batch depends on (seed, epoch, index) alone, whoever asks, in whatever order, from any thread.
    """

    def divide(self, parts: Sequence[NDArray[np.int64]]) -> None:
        """Gives each device its part, as `shards` returns them: batch i of an epoch is then of device i mod Q."""

    def steps(self, replicas: int = 1) -> int:
        """Returns the number of full batches in an epoch, rounded down to a multiple of `replicas`.

        Raises UserError where none would be left.
        """

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Returns one training batch, which the caller may overwrite.

        Raises IndexError where the epoch has no such batch.
        """

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the test split in a fixed order, in batches of at most `batch`."""

    def validation(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the validation split likewise; nothing where none is held out."""


class DataSet(Protocol):
    """Both splits of a data set, or fixed parts of them with equal shares of the classes."""

    @property
    def card(self) -> DataCard:
        """Returns the data card; of a folder, with the numbers and the fingerprint of what was found."""

    @property
    def vocabulary_size(self) -> int | None:
        """Returns how many words or tokens an embedding has to hold; None where inputs are neither."""

    @property
    def bytes_per_token(self) -> float | None:
        """Returns the mean UTF-8 bytes of a token of the held-out text; None where the data is no corpus."""

    def shards(self, shards: Shards, *, devices: int, batch: int) -> Sequence[NDArray[np.int64]]:
        """Returns each device's part of the training data.

        Raises UserError where a device has less than a batch, or there is nothing that parts could differ in.
        """

    def batches(self, *, batch: int, seed: int, device: torch.device, augment: bool) -> Batches:
        """Returns a run's batches. Raises UserError where a batch is larger than the training split."""


def load(
    data: str | DataCard,
    *,
    folder: Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    validation: int | None = None,
    text: Text | None = None,
    tokens: Tokens | None = None,
    resolution: int | None = None,
) -> DataSet:
    """Reads a data set by its card or the card's name; all samples of each split, or a fixed subset with equal shares.

    A subset has equal shares of the classes and is the same for every run, whatever its seed. validation: so many
    samples of the training split beyond `train_samples`, likewise; of a corpus windows at the end of its training part.
    folder: the only place to look in, for a data set that does not come with a dependency; by default those that
    `places` names. text, tokens: how texts and a corpus become numbers; resolution: the size of a folder's images, in
    pixels; other kinds ignore them.

    Raises UserError where the name is unknown, the data missing or damaged, or a subset larger than the data.
    """
    data_card = card(data) if isinstance(data, str) else data
    samples = {"train_samples": train_samples, "test_samples": test_samples, "validation": validation}
    if data_card.kind == "text":
        return texts.load(data_card, folder=folder, **samples, text=text)
    if data_card.kind == "corpus":
        return windows.load(data_card, folder=folder, **samples, tokens=tokens)
    if data_card.kind == "folder":
        return image_folder.load(data_card, folder=folder, **samples, resolution=resolution)
    return images.load(data_card, folder=folder, **samples)
