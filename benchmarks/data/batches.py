"""A run's batches: held in memory as bytes, augmented and normalised a whole batch at a time, on the run's device."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from benchmarks.data.draws import Purpose, below, draw, order
from benchmarks.data.sets import DataSet
from benchmarks.errors import UserError

_PERMUTATIONS_KEPT = 4  # workers at the end of an epoch and at the start of the next ask for different ones


class _Draws(NamedTuple):
    """A batch's random choices, on the CPU: `rows` and `columns` in [0, 2 * padding], shape (B,), and `flips`."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    flips: NDArray[np.bool_]


class Batches:
    """Training and test batches of a data set on one device: float32 images (B, C, H, W), int64 labels (B,).

    A training batch depends on (seed, epoch, index) alone: not on what was asked for before, nor on the asking thread;
    several threads may ask at once. `augment=False` leaves out what the data card says of crop and flip.

    Raises UserError where a batch is larger than the training split, ValueError for a seed outside [0, 2**32).
    """

    def __init__(self, data: DataSet, *, batch: int, seed: int, device: torch.device, augment: bool = True) -> None:
        if not 1 <= batch <= len(data.train_labels):
            raise UserError(
                f"A batch of {batch} cannot be drawn from {len(data.train_labels)} training samples of "
                f"{data.card.title}: choose a batch size from 1 to that number."
            )
        draw(0, Purpose.PERMUTATION, seed)  # a seed out of range is told now, not in the first batch
        self.data = data
        self.size = batch
        self.seed = seed
        self.device = device
        augmentation = data.card.augmentation
        self._padding = augmentation.crop_padding if augment else 0
        self._flip = augmentation.flip and augment
        self._train = data.train_images.to(device), data.train_labels.to(device)
        self._test = data.test_images.to(device), data.test_labels.to(device)
        # (x / 255 - mean) / std as one product and one sum.
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (data.card.mean, data.card.std))
        self._scale = (1 / (255 * std)).float().view(-1, 1, 1).to(device)
        self._shift = (-mean / std).float().view(-1, 1, 1).to(device)
        channels, height, width = data.card.shape
        line, lines = width + 2 * self._padding, height + 2 * self._padding
        self._strides = channels * lines * line, lines * line, line  # of padded images, in bytes
        rows = torch.arange(channels).view(-1, 1) * self._strides[1] + torch.arange(height) * line
        self._rows = rows.flatten().to(device)
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._lock = Lock()

    def steps(self, replicas: int = 1) -> int:
        """Full batches in an epoch, the remainder dropped so that `replicas` divides their number.

        Raises UserError where none would be left.
        """
        full = len(self.data.train_labels) // self.size
        if full < replicas:
            raise UserError(
                f"{replicas} replicas have no batch each: {len(self.data.train_labels)} training samples make {full} "
                f"batches of {self.size}; take more samples, smaller batches or fewer devices."
            )
        return full - full % replicas

    def permutation(self, epoch: int) -> Tensor:
        """The epoch's order of the training samples, drawn from (seed, epoch): int64 of shape (N,), on the CPU."""
        return torch.from_numpy(self._order(epoch).copy())

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """The images, augmented and normalised, and the labels of one training batch of an epoch.

        Raises IndexError unless `index` is one of the epoch's full batches.
        """
        if not 0 <= index < self.steps():
            raise IndexError(f"an epoch has batches 0 to {self.steps() - 1}, not {index}")
        chosen = self._order(epoch)[index * self.size : (index + 1) * self.size]
        if not (self._padding or self._flip):
            positions = self._move(chosen)
            images, labels = (part.index_select(0, positions) for part in self._train)
            return self._normalise(images), labels
        images, labels = self._augmented(chosen, self._draws(epoch, index))
        return self._normalise(images), labels

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """The test split in its order, normalised, in batches of at most `batch`."""
        images, labels = self._test
        for start in range(0, len(labels), batch):
            yield self._normalise(images[start : start + batch]), labels[start : start + batch]

    def _order(self, epoch: int) -> NDArray[np.int64]:
        with self._lock:
            kept = self._orders.pop(epoch, None)
            if kept is None:
                kept = order(len(self.data.train_labels), Purpose.PERMUTATION, self.seed, epoch)
            self._orders[epoch] = kept  # the last entry is the one used last
            if len(self._orders) > _PERMUTATIONS_KEPT:
                del self._orders[next(iter(self._orders))]
            return kept

    def _draws(self, epoch: int, index: int) -> _Draws:
        rows, columns, flips = draw(3 * self.size, Purpose.AUGMENTATION, self.seed, epoch, index).reshape(3, -1)
        places = 2 * self._padding + 1
        return _Draws(below(rows, places), below(columns, places), below(flips, 2).astype(np.bool_) & self._flip)

    def _augmented(self, chosen: NDArray[np.int64], draws: _Draws) -> tuple[Tensor, Tensor]:
        """Cropped and mirrored bytes, and labels.

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
        """Crops of shape (B, C, H, W) whose first bytes are at `corners`, shape (B,), in the padded images' memory.

        Every run of W bytes in it is a window, and a crop is C * H of those: so whole rows are copied, not bytes.
        """
        padded = pad(images, (self._padding,) * 4)
        width = images.shape[-1]
        windows = padded.as_strided((padded.numel() - width + 1, width), (1, 1))
        return windows.index_select(0, (corners.view(-1, 1) + self._rows).flatten()).view(images.shape)

    def _move(self, numbers: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(numbers).to(self.device)

    def _normalise(self, images: Tensor) -> Tensor:
        return images.float().mul_(self._scale).add_(self._shift)
