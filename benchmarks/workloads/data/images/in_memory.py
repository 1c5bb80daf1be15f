"""Images in memory: held as bytes, augmented and normalised a whole batch at a time, on the run's device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.dividing import by_label
from benchmarks.workloads.data.images.arrays import Split
from benchmarks.workloads.data.images.normalise import Normaliser
from benchmarks.workloads.data.places import form
from benchmarks.workloads.data.random_keys import Purpose, below, draw
from benchmarks.workloads.data.sampling import Sampler, balanced, check_samples, held_out
from benchmarks.workloads.data.transfer import to_device
from benchmarks.workloads.shards import Shards


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, uint8 of shape (N, C, H, W), and labels, int64 of shape (N,), of both splits, on the CPU.

    validation: images and labels of the training split that are not trained on, if any are held out.
    """

    card: DataCard
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    validation: tuple[Tensor, Tensor] | None = None
    vocabulary_size: ClassVar[None] = None
    bytes_per_token: ClassVar[None] = None

    def shards(self, shards: Shards, *, devices: int, batch: int) -> list[NDArray[np.int64]]:
        """Returns the positions of each device's training samples. Raises what `by_label` raises."""
        return by_label(self.train_labels.numpy(), shards, devices=devices, batch=batch, title=self.card.title)

    def batches(self, *, batch: int, seed: int, device: torch.device, augment: bool) -> ImageBatches:
        """Returns a run's batches. Raises what `ImageBatches` raises."""
        return ImageBatches(self, batch=batch, seed=seed, device=device, augment=augment)


def load(
    card: DataCard,
    *,
    folder: Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    validation: int | None = None,
) -> ImageSet:
    """Reads what the card describes; all samples of each split, or a fixed subset with equal shares of the classes.

    Raises UserError where the data is missing or damaged, or a subset is larger than the data.
    """
    check_samples(card.title, "train", train_samples, card.train_samples)
    check_samples(card.title, "test", test_samples, card.test_samples)
    card, whole_train, whole_test = _read(card, folder)
    train, test = _subset(whole_train, train_samples), _subset(whole_test, test_samples)
    kinds = _kinds(whole_train)
    rest = whole_train.take(held_out(kinds, validation, train_samples=train_samples, title=card.title))
    return ImageSet(
        card=card,
        train_images=torch.from_numpy(train.images),
        train_labels=torch.from_numpy(train.labels),
        test_images=torch.from_numpy(test.images),
        test_labels=torch.from_numpy(test.labels),
        validation=(torch.from_numpy(rest.images), torch.from_numpy(rest.labels)),
    )


def _read(card: DataCard, folder: Path | None) -> tuple[DataCard, Split, Split]:
    """Returns the card of the form of the data that was found, and both splits."""
    from benchmarks.workloads.data.images import cifar, digits, own_images

    if card.own is not None:
        splits = own_images.read(card.name, card.own, (card.shape[0], card.shape[1], card.shape[2]))
        return replace(card, fingerprint=splits.sha256), splits.train, splits.test
    if card.embedded:
        return card, *digits.read(card)
    place = cifar.locate_or_download(card, folder)
    return form(card, place), *cifar.read_place(card, place)


def _subset(split: Split, samples: int | None) -> Split:
    if samples is None or samples == len(split.labels):
        return split
    return split.take(balanced(_kinds(split), samples))


def _kinds(split: Split) -> NDArray[np.int64]:
    """Returns the samples' classes; numbers have none, and are all of one."""
    alike: NDArray[np.int64] = np.zeros(len(split.labels), np.int64)
    return alike if split.labels.dtype.kind == "f" else split.labels


class _Draws(NamedTuple):
    """The random choices of a batch, on the CPU: `rows` and `columns` in [0, 2 * padding], shape (B,), and `flips`."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    flips: NDArray[np.bool_]


class ImageBatches(Sampler):
    """Training and test batches of a data set on one device: float32 images (B, C, H, W), int64 labels (B,).

    A training batch depends on (seed, epoch, index) alone: not on what was asked for before, nor on the asking thread;
    several threads may ask at once. `augment=False` leaves out what the data card says of crop and flip.

    Raises UserError where a batch is larger than the training split, ValueError for a seed outside [0, 2**32).
    """

    def __init__(self, data: ImageSet, *, batch: int, seed: int, device: torch.device, augment: bool = True) -> None:
        super().__init__(len(data.train_labels), batch=batch, seed=seed, title=data.card.title)
        self.data = data
        self.device = device
        augmentation = data.card.augmentation
        self._padding = augmentation.crop_padding if augment else 0
        self._flip = augmentation.flip and augment
        self._train = data.train_images.to(device), data.train_labels.to(device)
        self._test = data.test_images.to(device), data.test_labels.to(device)
        held_out = data.validation or (data.train_images[:0], data.train_labels[:0])
        self._validation = held_out[0].to(device), held_out[1].to(device)
        self._normalise = Normaliser(data.card, device)
        channels, height, width = data.card.shape
        line, lines = width + 2 * self._padding, height + 2 * self._padding
        self._strides = channels * lines * line, lines * line, line  # of padded images, in bytes
        rows = torch.arange(channels).view(-1, 1) * self._strides[1] + torch.arange(height) * line
        self._rows = rows.flatten().to(device)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Returns the images, augmented and normalised, and the labels of one training batch of an epoch.

        Raises IndexError unless `index` is one of the epoch's full batches.
        """
        chosen = self.chosen(epoch, index)
        if not (self._padding or self._flip):
            positions = self._move(chosen)
            images, labels = (part.index_select(0, positions) for part in self._train)
            return self._normalise(images), labels
        images, labels = self._augmented(chosen, self._draws(epoch, index))
        return self._normalise(images), labels

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the test split in its order, normalised, in batches of at most `batch`."""
        return self._in_order(*self._test, batch)

    def validation(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the validation split as `test` does; nothing where none is held out."""
        return self._in_order(*self._validation, batch)

    def _in_order(self, images: Tensor, labels: Tensor, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(labels), batch):
            yield self._normalise(images[start : start + batch]), labels[start : start + batch]

    def _draws(self, epoch: int, index: int) -> _Draws:
        rows, columns, flips = draw(3 * self.size, Purpose.AUGMENTATION, self.seed, epoch, index).reshape(3, -1)
        places = 2 * self._padding + 1
        return _Draws(below(rows, places), below(columns, places), below(flips, 2).astype(np.bool_) & self._flip)

    def _augmented(self, chosen: NDArray[np.int64], draws: _Draws) -> tuple[Tensor, Tensor]:
        """Returns cropped and mirrored bytes, and labels.

        The images to be mirrored are gathered behind the others, so that one slice is mirrored; the crop puts each back
        in its place. As it comes after the mirror here, a mirrored image is cropped from its other side.
        """
        gathered = np.argsort(draws.flips, kind="stable")
        plain = len(gathered) - np.count_nonzero(draws.flips)
        places = np.empty_like(gathered)
        places[gathered] = np.arange(len(gathered))
        columns = np.where(draws.flips, 2 * self._padding - draws.columns, draws.columns)
        starts = places * self._strides[0] + draws.rows * self._strides[2] + columns
        sources, positions, corners = self._move(np.stack([chosen[gathered], chosen, starts]))  # one transfer
        images = self._train[0].index_select(0, sources)
        if plain < len(gathered):
            images = torch.cat([images[:plain], images[plain:].flip(-1)])
        return self._crop(images, corners), self._train[1].index_select(0, positions)

    def _crop(self, images: Tensor, corners: Tensor) -> Tensor:
        """Returns crops (B, C, H, W) whose first bytes are at `corners` (B,) in the padded images' memory.

        Every run of W bytes in it is a window, and a crop is C * H of those: so whole rows are copied, not bytes.
        """
        padded = pad(images, (self._padding,) * 4)
        width = images.shape[-1]
        windows = padded.as_strided((padded.numel() - width + 1, width), (1, 1))
        return windows.index_select(0, (corners.view(-1, 1) + self._rows).flatten()).view(images.shape)

    def _move(self, numbers: NDArray[np.int64]) -> Tensor:
        return to_device(torch.from_numpy(numbers), self.device)
