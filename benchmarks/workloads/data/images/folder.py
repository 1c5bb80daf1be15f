"""Image folders in ImageNet-1k's layout, decoded by Pillow while training runs, some batches ahead.

Threads decode: Pillow releases Python's lock while it decodes and scales, and training processes are daemons, which may
start no processes.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.dividing import by_label
from benchmarks.workloads.data.images import decode, folder_tree
from benchmarks.workloads.data.options import Shards
from benchmarks.workloads.data.random_keys import Purpose, draw
from benchmarks.workloads.data.sampling import Sampler, balanced, check_samples, held_out
from benchmarks.workloads.data.transfer import Normaliser, host_buffer, to_device

SIDE = 224
"""Side of the square that the network gets, in pixels, unless another is asked for."""
AHEAD = 4  # batches of 128 images of 224 x 224 pixels take 19 MB each
_MOST_THREADS = 16


@dataclass(frozen=True, eq=False)
class Part:
    """The chosen samples of one split: their indices in its list of files, and their labels, both of shape (N,)."""

    classes: tuple[str, ...]
    files: folder_tree.Files
    places: NDArray[np.int64]
    labels: NDArray[np.int64]

    def path(self, sample: int) -> str:
        """Returns the file of a sample, by its index in this part."""
        kind, name = self.classes[self.labels[sample]], self.files.names[self.places[sample]]
        return os.path.join(self.files.folder, kind, name)


@dataclass(frozen=True, eq=False)
class FolderSet:
    """Both splits of a folder. Its card has the numbers and the fingerprint of what was found.

    validation: samples of the training split that are not trained on, if any are held out.
    """

    card: DataCard
    train: Part
    test: Part
    validation: Part | None = None
    vocabulary_size: ClassVar[None] = None
    bytes_per_token: ClassVar[None] = None

    def shards(self, shards: Shards, *, devices: int, batch: int) -> list[NDArray[np.int64]]:
        """Returns the positions of each device's training samples. Raises what `by_label` raises."""
        return by_label(self.train.labels, shards, devices=devices, batch=batch, title=self.card.title)

    def batches(self, *, batch: int, seed: int, device: torch.device, augment: bool) -> FolderBatches:
        """Returns a run's batches. Raises what `FolderBatches` raises."""
        return FolderBatches(self, batch=batch, seed=seed, device=device, augment=augment)


def load(
    card: DataCard,
    *,
    folder: Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    validation: int | None = None,
    resolution: int | None = None,
) -> FolderSet:
    """Lists the card's folder; all samples of each split, or a fixed subset with equal shares of the classes.

    resolution: the side of the square that the network gets, in pixels; None: SIDE. Nothing is decoded yet. Raises
    UserError where the folder is missing or has another layout, or a subset is larger than the split.
    """
    place = folder_tree.locate(card, folder)
    if place is None:
        raise folder_tree.missing(card, folder)
    tree, side = folder_tree.index(place), resolution or SIDE
    found_card = replace(folder_tree.form(card, place), shape=(3, side, side), fingerprint=tree.sha256)
    train = _part(found_card, "train", tree.classes, tree.train, train_samples)
    labels = np.repeat(np.arange(len(tree.classes)), tree.train.counts)
    rest = held_out(labels, validation, train_samples=train_samples, title=f"{found_card.title} in {tree.train.folder}")
    return FolderSet(
        found_card,
        train,
        _part(found_card, "test", tree.classes, tree.test, test_samples),
        Part(tree.classes, tree.train, rest, labels[rest]),
    )


def _part(card: DataCard, split: str, classes: tuple[str, ...], files: folder_tree.Files, samples: int | None) -> Part:
    labels = np.repeat(np.arange(len(classes)), files.counts)
    check_samples(f"{card.title} in {files.folder}", split, samples, len(labels))
    places = balanced(labels, samples)
    return Part(classes, files, places, labels[places])


class _Loading(NamedTuple):
    """A batch that is being decoded: uint8 of shape (B, side, side, 3), and labels, int64 of shape (B,)."""

    pixels: Tensor
    labels: Tensor
    images: list[Future[None]]


class FolderBatches(Sampler):
    """Training and test batches of a folder on one device: float32 images (B, 3, side, side), int64 labels (B,).

    A training batch depends on (seed, epoch, index) alone: not on what was asked for before, nor on the asking thread;
    several threads may ask at once. `ahead` batches after the last one asked for are decoded meanwhile, no more, by as
    many threads as the process has cores; those end with this object. `augment=False` crops training images as it does
    test images, and mirrors none.

    Raises UserError where a batch is larger than the training split, ValueError for a seed outside [0, 2**32); later,
    UserError for an image that cannot be read.
    """

    def __init__(self, data: FolderSet, *, batch: int, seed: int, device: torch.device, augment: bool = True) -> None:
        super().__init__(len(data.train.labels), batch=batch, seed=seed, title=data.card.title)
        self.data = data
        self.device = device
        self.ahead = AHEAD
        self._resized = augment and data.card.augmentation.resized_crop
        self._flip = augment and data.card.augmentation.flip
        self._normalise = Normaliser(data.card, device)
        self._pending_lock = Lock()
        self._pending: dict[int, _Loading] = {}  # by the number of batches in all epochs before
        self._furthest = -1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(min(cores, _MOST_THREADS), thread_name_prefix="decode")
        weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Returns the images, augmented and normalised, and the labels of one training batch of an epoch.

        Raises IndexError unless `index` is one of the epoch's full batches.
        """
        self.chosen(epoch, index)
        with self._pending_lock:
            number = epoch * self.numbers + index
            loading = self._pending.pop(number, None) or self._begin(number)
            self._load_ahead(number)
        return self._finished(loading)

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the test split in its order, normalised, in batches of at most `batch`.

        Decodes the next one meanwhile.
        """
        return self._in_order(self.data.test, batch)

    def validation(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the validation split as `test` does; nothing where none is held out."""
        return self._in_order(self.data.validation, batch)

    def _in_order(self, part: Part | None, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        if part is None or not len(part.labels):
            return
        loading = deque[_Loading]()
        for samples in np.split(np.arange(len(part.labels)), range(batch, len(part.labels), batch)):
            loading.append(self._load(part, samples, None))
            if len(loading) > 1:
                yield self._finished(loading.popleft())
        yield self._finished(loading.popleft())

    def _load_ahead(self, number: int) -> None:
        """Begins to decode the next batches, and cancels those of an earlier epoch that were never asked for."""
        numbers = self.numbers
        for old in [pending for pending in self._pending if pending // numbers < number // numbers]:
            for image in self._pending.pop(old).images:
                image.cancel()
        self._furthest = max(self._furthest, number)
        for following in range(self._furthest + 1, number + 1 + self.ahead):
            if len(self._pending) >= self.ahead:
                break
            self._pending[following] = self._begin(following)
            self._furthest = following

    def _begin(self, number: int) -> _Loading:
        epoch, index = divmod(number, self.numbers)
        chosen = self.chosen(epoch, index)
        words = draw(len(chosen) * decode.WORDS, Purpose.AUGMENTATION, self.seed, epoch, index)
        return self._load(self.data.train, chosen, words.reshape(len(chosen), -1))

    def _load(self, part: Part, samples: NDArray[np.int64], words: NDArray[np.uint64] | None) -> _Loading:
        side = self.data.card.shape[1]
        buffer = host_buffer((len(samples), side, side, 3), torch.uint8, self.device)
        drawn = [None] * len(samples) if words is None else list(words)
        images = [
            # No task holds this object, so that it can go while tasks wait.
            self._pool.submit(_decode, pixels, part.path(sample), row, self._resized, self._flip)
            for pixels, sample, row in zip(buffer.numpy(), samples.tolist(), drawn, strict=True)
        ]
        return _Loading(buffer, torch.from_numpy(part.labels[samples]), images)

    def _finished(self, loading: _Loading) -> tuple[Tensor, Tensor]:
        for image in loading.images:
            image.result()
        images = to_device(loading.pixels, self.device).permute(0, 3, 1, 2).contiguous()
        return self._normalise(images), to_device(loading.labels, self.device)


def _decode(into: NDArray[np.uint8], path: str, words: NDArray[np.uint64] | None, resized: bool, flip: bool) -> None:
    """Fills `into` (side, side, 3) with an image. words: a training image's random words; None for a test image."""
    image, side = decode.open_rgb(path), len(into)
    if words is not None and resized:
        into[:] = np.asarray(decode.for_training(image, side, words))
    else:
        into[:] = np.asarray(decode.for_evaluation(image, side))
    if words is not None and flip and decode.mirrored(words):
        into[:] = into[:, ::-1].copy()
