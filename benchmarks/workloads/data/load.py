"""Data sets: what every kind of them offers, and `load`, which reads one by the name of its card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.data.text.options import Text, Tokens


class Batches(Protocol):
    """A run's batches on one device: inputs (B, ...) and targets: int64 labels (B,), or tokens (B, T).

    A training batch depends on (seed, epoch, index) alone, whoever asks, in whatever order, from any thread.
    """

    def steps(self, replicas: int = 1) -> int:
        """Full batches in an epoch, the remainder dropped so that `replicas` divides their number.

        Raises UserError where none would be left.
        """

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """One training batch; the asker may write into it. Raises IndexError where the epoch has no such batch."""

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """The test split in a fixed order, in batches of at most `batch`."""


class DataSet(Protocol):
    """Both splits of a data set, or fixed parts of them with equal shares of the classes."""

    @property
    def card(self) -> DataCard:
        """The data card; of a folder, with the numbers and the fingerprint of what was found."""

    @property
    def vocabulary_size(self) -> int | None:
        """Number of words or tokens that an embedding has to hold; None where inputs are none."""

    @property
    def bytes_per_token(self) -> float | None:
        """Mean UTF-8 bytes of a token of the held-out text; None where inputs are no corpus's tokens."""

    def batches(self, *, batch: int, seed: int, device: torch.device, augment: bool) -> Batches:
        """A run's batches. Raises UserError where a batch is larger than the training split."""


def load(
    data: str | DataCard,
    *,
    folder: Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    text: Text | None = None,
    tokens: Tokens | None = None,
    resolution: int | None = None,
) -> DataSet:
    """Read the data set of that name, or card; of each split all samples, or a subset with equal shares of the classes.

    A subset is the same for every run, whatever its seed. `folder` is where to look for a data set that does not come
    with a dependency, and then the only place; `places` says which are the others. `text` and `tokens` say how texts
    and a corpus become numbers, `resolution` what size the images of a folder get, in pixels; other kinds pass them
    over.

    Raises UserError where the name is unknown, the data missing or damaged, or a subset larger than the data.
    """
    known = card(data) if isinstance(data, str) else data
    if known.kind == "text":
        from benchmarks.workloads.data.text.in_memory import load as load_text

        words: DataSet = load_text(
            known, folder=folder, train_samples=train_samples, test_samples=test_samples, text=text
        )
        return words
    if known.kind == "corpus":
        from benchmarks.workloads.data.text.windows import load as load_windows

        return load_windows(known, folder=folder, train_samples=train_samples, test_samples=test_samples, tokens=tokens)
    if known.kind == "folder":
        from benchmarks.workloads.data.images.folder import SIDE
        from benchmarks.workloads.data.images.folder import load as load_folder

        side = SIDE if resolution is None else resolution
        return load_folder(
            known, folder=folder, train_samples=train_samples, test_samples=test_samples, resolution=side
        )
    from benchmarks.workloads.data.images.in_memory import load as load_images

    return load_images(known, folder=folder, train_samples=train_samples, test_samples=test_samples)
