"""Draws samples, alike for every kind of data: a fixed subset of a split, the order of an epoch, and its batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.dividing import by_label
from benchmarks.workloads.data.options import Shards
from benchmarks.workloads.data.random_keys import Purpose, draw, order
from benchmarks.workloads.data.transfer import to_device

_ORDERS_CACHED = 4  # workers at the end of an epoch and at the start of the next ask for different ones


def check_samples(data: str, split: str, samples: int | None, available: int) -> None:
    """Raises UserError unless 1 <= samples <= available; None means all."""
    if samples is not None and not 1 <= samples <= available:
        raise UserError(f"{data} has {available} {split} samples, not {samples}: take from 1 to {available} of them.")


def balanced(labels: NDArray[Any], samples: int | None) -> NDArray[np.int64]:
    """Returns the positions, ascending, of a fixed subset with equal shares of the classes (to within one); None: all.

    It depends on `labels` and `samples` alone, and a smaller subset lies within a larger one.
    """
    if samples is None:
        return np.arange(len(labels))
    labels = _classes(labels)
    shuffled = order(len(labels), Purpose.SUBSET)
    grouped = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = grouped[np.lexsort((labels[grouped], rank))][:samples]  # by rank, then by class
    return np.sort(first)


def _classes(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Returns the samples' classes; targets that are numbers have none, and are all of one."""
    return np.zeros(len(labels), np.int64) if labels.dtype.kind == "f" else labels


def held_out(
    labels: NDArray[Any], validation: int | None, *, train_samples: int | None, title: str
) -> NDArray[np.int64]:
    """Returns the positions, ascending, of a fixed validation split: those that `balanced` takes after the training's.

    labels: of the whole training split. validation: their number, with equal shares of the classes as far as these have
    samples left; None: none. train_samples: of the training subset; None: all.

    Raises UserError where fewer are left, or none of a class of which the training subset has some.
    """
    if validation is None:
        return np.empty(0, np.int64)
    labels = _classes(labels)
    train = len(labels) if train_samples is None else train_samples
    check_samples(title, "further training", validation, len(labels) - train)
    trained, both = balanced(labels, train), balanced(labels, train + validation)
    chosen = np.setdiff1d(both, trained, assume_unique=True)
    classes = np.unique(labels[trained])
    missing = np.setdiff1d(classes, labels[chosen])
    if len(missing) and validation >= len(classes):
        raise UserError(
            f"{title}: all {np.count_nonzero(labels == missing[0])} samples of class {missing[0]} are trained on, and "
            "workload.validation needs some: set a smaller workload.train_samples."
        )
    return chosen


class Sampler:
    """Cuts one permutation per (seed, epoch) of the training split into batches; several threads may ask.

    Once it is divided among Q devices, batches i, i + Q, i + 2 Q, ... of an epoch are those of device i. It goes
    through its own part in an order drawn from (seed, epoch), then again in another: a small part is used more often
    than once in an epoch, of a large one some samples are not.

    Raises UserError where a batch is larger than the training split, ValueError for a seed outside [0, 2**32).
    """

    def __init__(self, samples: int, *, batch: int, seed: int, title: str) -> None:
        if not 1 <= batch <= samples:
            raise UserError(
                f"A batch of {batch} cannot be drawn from {samples} training samples of {title}: choose a batch size "
                f"from 1 to that number."
            )
        draw(0, Purpose.PERMUTATION, seed)  # a seed out of range is told now, not in the first batch
        self.samples, self.size, self.seed = samples, batch, seed
        self.divide(())

    def divide(self, parts: Sequence[NDArray[np.int64]]) -> None:
        """Gives each device its part, as the data set's `shards` returns them; before the first batch."""
        self._parts = parts
        self._order = lru_cache(_ORDERS_CACHED * max(1, len(parts)))(order)

    @property
    def numbers(self) -> int:
        """Returns how many numbers the batches of an epoch may have: a device may take all of them."""
        return self.steps() * max(1, len(self._parts))

    def steps(self, replicas: int = 1) -> int:
        """Returns the number of full batches in an epoch, rounded down to a multiple of `replicas`.

        Raises UserError where none would be left.
        """
        full = self.samples // self.size
        if full < replicas:
            raise UserError(
                f"{replicas} replicas have no batch each: {self.samples} training samples make {full} batches of "
                f"{self.size}; take more samples, smaller batches or fewer devices."
            )
        return full - full % replicas

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Returns the epoch's order of the training samples, drawn from (seed, epoch): shape (samples,), read-only."""
        return self._order(self.samples, Purpose.PERMUTATION, self.seed, epoch)

    def check(self, index: int) -> None:
        """Raises IndexError unless an epoch has that batch."""
        if not 0 <= index < self.numbers:
            raise IndexError(f"an epoch has batches 0 to {self.numbers - 1}, not {index}")

    def chosen(self, epoch: int, index: int) -> NDArray[np.int64]:
        """Returns the positions of one batch, shape (batch,).

        Raises IndexError unless it is a full batch of the epoch.
        """
        self.check(index)
        if self._parts:
            turn, device = divmod(index, len(self._parts))
            return self._of_part(epoch, device, turn * self.size)
        return self.order(epoch)[index * self.size : (index + 1) * self.size]

    def _of_part(self, epoch: int, device: int, first: int) -> NDArray[np.int64]:
        """Returns a batch from the `first`-th sample on that a device uses in the epoch."""
        part = self._parts[device]
        passes = range(first // len(part), (first + self.size - 1) // len(part) + 1)
        rows = []
        for number in passes:
            shuffled = part[
                self._order(len(part), Purpose.SHARD_ORDER, self.seed, epoch, number * len(self._parts) + device)
            ]
            begun = number * len(part)
            rows.append(shuffled[max(0, first - begun) : first + self.size - begun])
        return np.concatenate(rows)


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Samples in memory, on the CPU: inputs, uint8 images (N, C, H, W) or int32 tokens (N, length), and labels.

    Labels are int64, or float32 where targets are numbers, of shape (N,). vocabulary_size: all tokens are below it, so
    that an embedding has to hold as many; None of images. validation: inputs and labels of the training split that are
    not trained on, if any are held out.
    """

    card: DataCard
    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    vocabulary_size: int | None = None
    validation: tuple[Tensor, Tensor] | None = None
    bytes_per_token: ClassVar[None] = None

    def shards(self, shards: Shards, *, devices: int, batch: int) -> list[NDArray[np.int64]]:
        """Returns the positions of each device's training samples. Raises what `by_label` raises."""
        return by_label(self.train_labels.numpy(), shards, devices=devices, batch=batch, title=self.card.title)


class LabelledBatches(Sampler):
    """Training and test batches of samples in memory, on one device: inputs (B, ...) and labels (B,).

    A training batch depends on (seed, epoch, index) alone; several threads may ask at once. Raises as `Sampler`.
    """

    def __init__(self, data: LabelledSet, *, batch: int, seed: int, device: torch.device) -> None:
        super().__init__(len(data.train_labels), batch=batch, seed=seed, title=data.card.title)
        self.data, self.device = data, device
        held_out = data.validation or (data.train_inputs[:0], data.train_labels[:0])
        self._train = data.train_inputs.to(device), data.train_labels.to(device)
        self._test = data.test_inputs.to(device), data.test_labels.to(device)
        self._validation = held_out[0].to(device), held_out[1].to(device)

    def convert(self, inputs: Tensor) -> Tensor:
        """Returns stored inputs as a network takes them: a copy, int64 of tokens."""
        return inputs.long()

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Returns the inputs and labels of one training batch, which the caller may overwrite.

        Raises IndexError unless `index` is one of the epoch's full batches.
        """
        chosen = to_device(torch.from_numpy(self.chosen(epoch, index)), self.device)
        inputs, labels = self._train
        return self.convert(inputs.index_select(0, chosen)), labels.index_select(0, chosen)

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the test split in its order, in batches of at most `batch`."""
        return self._in_order(*self._test, batch)

    def validation(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the validation split as `test` does; nothing where none is held out."""
        return self._in_order(*self._validation, batch)

    def _in_order(self, inputs: Tensor, labels: Tensor, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(labels), batch):
            yield self.convert(inputs[start : start + batch]), labels[start : start + batch]
