"""Images in memory: held as bytes, augmented and normalised a whole batch at a time, on the run's device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.images.arrays import Split
from benchmarks.workloads.data.places import form
from benchmarks.workloads.data.random_keys import Purpose, below, draw
from benchmarks.workloads.data.sampling import LabelledBatches, LabelledSet, balanced, check_samples, held_out
from benchmarks.workloads.data.transfer import Normaliser, to_device


class ImageSet(LabelledSet):
    """Images of both splits."""

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
    card, train, test = _read(card, folder)
    rest = train.take(held_out(train.labels, validation, train_samples=train_samples, title=card.title))
    if train_samples is not None:
        train = train.take(balanced(train.labels, train_samples))
    if test_samples is not None:
        test = test.take(balanced(test.labels, test_samples))
    train_part, test_part, rest_part = (
        (torch.from_numpy(split.images), torch.from_numpy(split.labels)) for split in (train, test, rest)
    )
    return ImageSet(card, *train_part, *test_part, validation=rest_part)


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


class _Draws(NamedTuple):
    """The random choices of a batch, on the CPU: `rows` and `columns` in [0, 2 * padding], shape (B,), and `flips`."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    flips: NDArray[np.bool_]


class ImageBatches(LabelledBatches):
    """Training and test batches of images on one device: float32 images (B, C, H, W), normalised, and labels (B,).

    `augment=False` leaves out what the data card says of crop and flip. Raises as `Sampler`.
    """

    def __init__(self, data: ImageSet, *, batch: int, seed: int, device: torch.device, augment: bool = True) -> None:
        super().__init__(data, batch=batch, seed=seed, device=device)
        augmentation = data.card.augmentation
        self._padding = augmentation.crop_padding if augment else 0
        self._flip = augmentation.flip and augment
        self._normalise = Normaliser(data.card, device)
        channels, height, width = data.card.shape
        line, lines = width + 2 * self._padding, height + 2 * self._padding
        self._strides = channels * lines * line, lines * line, line  # of padded images, in bytes
        rows = torch.arange(channels).view(-1, 1) * self._strides[1] + torch.arange(height) * line
        self._rows = rows.flatten().to(device)

    def convert(self, inputs: Tensor) -> Tensor:
        """Returns bytes of images as normalised float32."""
        return self._normalise(inputs)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Returns the images, augmented and normalised, and the labels of one training batch of an epoch.

        Raises IndexError unless `index` is one of the epoch's full batches.
        """
        if not (self._padding or self._flip):
            return super().batch(epoch, index)
        images, labels = self._augmented(self.chosen(epoch, index), self._draws(epoch, index))
        return self.convert(images), labels

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
        numbers = torch.from_numpy(np.stack([chosen[gathered], chosen, starts]))
        sources, positions, corners = to_device(numbers, self.device)  # one transfer
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
