"""Windows of tokens of a long text: at random places for training, one after another for testing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.dividing import by_block
from benchmarks.workloads.data.options import Shards, Tokens
from benchmarks.workloads.data.random_keys import Purpose, below, draw
from benchmarks.workloads.data.sampling import Sampler, check_samples
from benchmarks.workloads.data.text import encoding
from benchmarks.workloads.data.transfer import to_device

_LOGITS = 2**26  # of a test batch: 256 MB in float32


@dataclass(frozen=True, eq=False)
class WindowSet:
    """Token ids of both splits, int32 of shape (tokens,), on the CPU.

    train_windows: of an epoch. test_windows: they do not overlap. All ids are below `vocabulary_size`;
    bytes_per_token: of the held-out text in UTF-8, which makes bits per byte of a loss. validation_ids: of the end of
    the training text, (tokens,), which is none of train_ids then.
    """

    card: DataCard
    tokens: Tokens
    train_ids: Tensor
    test_ids: Tensor
    train_windows: int
    test_windows: int
    vocabulary_size: int
    bytes_per_token: float
    validation_ids: Tensor | None = None

    def shards(self, shards: Shards, *, devices: int, batch: int) -> list[NDArray[np.int64]]:
        """Returns the parts of each device's text. Raises what `by_block` raises."""
        return by_block(
            len(self.train_ids),
            shards,
            context=self.tokens.context,
            devices=devices,
            batch=batch,
            title=self.card.title,
        )

    def batches(self, *, batch: int, seed: int, device: torch.device, augment: bool = False) -> WindowBatches:
        """Returns a run's batches; texts are not augmented. Raises what `WindowBatches` raises."""
        return WindowBatches(self, batch=batch, seed=seed, device=device)


class WindowBatches(Sampler):
    """Training and test batches on one device: int64 tokens (B, context), and the token after each, (B, context).

    The places of a training batch depend on (seed, epoch, index) alone; several threads may ask at once.

    Raises UserError where a batch is larger than an epoch, ValueError for a seed outside [0, 2**32).
    """

    def __init__(self, data: WindowSet, *, batch: int, seed: int, device: torch.device) -> None:
        super().__init__(data.train_windows, batch=batch, seed=seed, title=data.card.title)
        self.device, self._context, self._test_windows = device, data.tokens.context, data.test_windows
        self._train, self._test = data.train_ids.to(device), data.test_ids.to(device)
        self._validation = (data.train_ids[:0] if data.validation_ids is None else data.validation_ids).to(device)
        self._within = torch.arange(self._context + 1, device=device)
        self._most = max(1, _LOGITS // (self._context * data.vocabulary_size))

    def chosen(self, epoch: int, index: int) -> NDArray[np.int64]:
        """Returns the starts of one batch's windows, shape (batch,).

        Raises IndexError unless the epoch has that batch.
        """
        self.check(index)
        words = draw(self.size, Purpose.WINDOWS, self.seed, epoch, index)
        if not self._parts:
            return below(words, len(self._train) - self._context)
        begins, counts = self._parts[index % len(self._parts)].T
        places = below(words, int(counts.sum()))
        part = np.searchsorted(np.cumsum(counts), places, side="right")
        starts: NDArray[np.int64] = places + (begins - np.cumsum(counts) + counts)[part]
        return starts

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Returns the tokens of one training batch, and the token after each; the caller may overwrite them.

        Raises IndexError unless `index` is one of the epoch's full batches.
        """
        starts = to_device(torch.from_numpy(self.chosen(epoch, index)), self.device)
        return _pair(self._train[starts[:, None] + self._within])

    def test(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the held-out text in order, at most `batch` windows at a time (fewer if logits would fill memory).

        Every token is a target once, but for the first, and for those at the end that fill no window.
        """
        return self._in_order(self._test, self._test_windows, batch)

    def validation(self, batch: int = 500) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the end of the training text as `test` does the held-out one; nothing where none of it is held out."""
        return self._in_order(self._validation, max(0, len(self._validation) - 1) // self._context, batch)

    def _in_order(self, ids: Tensor, windows: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        step = min(batch, self._most)
        for first in range(0, windows, step):
            starts = torch.arange(first, min(first + step, windows), device=self.device) * self._context
            yield _pair(ids[starts[:, None] + self._within])


def _pair(windows: Tensor) -> tuple[Tensor, Tensor]:
    """Splits int32 windows (B, context + 1) into int64 inputs and targets, (B, context) each, as copies."""
    return windows[:, :-1].long(), windows[:, 1:].long()


def load(
    card: DataCard,
    *,
    folder: Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    validation: int | None = None,
    tokens: Tokens | None = None,
) -> WindowSet:
    """Reads and encodes the text that the card describes. tokens: how it is cut; None: `Tokens()`.

    train_samples: windows of an epoch (None: as many as the training text fills). test_samples: the first so many
    windows of the held-out text (None: all). validation: windows at the end of the training text, one after the other,
    which is then the shorter by them; its tokens are learnt from all of it.

    Raises UserError where the text is missing, damaged or shorter than a window, or has fewer windows for testing.
    """
    tokens = tokens or Tokens()
    card, encoded = encoding.read(card, tokens, folder=folder)
    if tokens.unit != "characters":
        card = replace(card, counted=(len(encoded.train), len(encoded.test)))
    end = len(encoded.train) - tokens.held_out(validation)
    train_ids, validation_ids = encoded.train[: max(0, end)], encoded.train[max(0, end) :]
    train, test = ((len(ids) - 1) // tokens.context for ids in (train_ids, encoded.test))
    for split, ids, windows in (("training", train_ids, train), ("held-out", encoded.test, test)):
        if windows < 1:
            beside = " beside workload.validation's" if validation and split == "training" else ""
            raise UserError(
                f"{card.title}: the {split} text has {len(ids)} tokens{beside}, and a window takes {tokens.context + 1}"
                f": set a smaller workload.tokens.context{' or validation' if beside else ''}, or take more text."
            )
    check_samples(card.title, "test", test_samples, test)
    return WindowSet(
        card=card,
        tokens=tokens,
        train_ids=torch.from_numpy(train_ids),
        test_ids=torch.from_numpy(encoded.test),
        train_windows=train_samples or train,
        test_windows=test_samples or test,
        vocabulary_size=encoded.vocabulary,
        bytes_per_token=encoded.test_bytes / len(encoded.test),
        validation_ids=torch.from_numpy(validation_ids),
    )
