"""A workload's network, built."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.networks import own
from benchmarks.workloads.networks.build import build
from benchmarks.workloads.workload import Workload


def network_of(
    work: Workload, known: DataCard, *, seed: int = 0, vocabulary: int | None = None
) -> dict[str, nn.Module]:
    """Layer name -> module, as `networks.build` gives them. known: the card of the data as it is.

    vocabulary: how many words the data has; by default as many as may be kept.
    """
    return build(work.network, **_offered(work, known, vocabulary), seed=seed)


def _offered(work: Workload, known: DataCard, vocabulary: int | None = None) -> dict[str, Any]:
    words = work.vocabulary_on(known) if vocabulary is None else vocabulary
    return {
        "classes": words if work.tokens is not None else known.classes,
        "shape": inputs_of(work, known),
        "width": work.width,
        "blocks": work.blocks,
        "stem": work.stem,
        "vocabulary": words,
        "embedding": work.embedding or 128,
        "heads": work.heads,
        "patch": work.patch,
    }


def own_layer_count(work: Workload, known: DataCard) -> int:
    """Tries a user's network on the data's shape and counts its layers. Raises UserError where it fails."""
    return own.layer_count(work.network, tuple(_offered(work, known).items()), input_dtype(work), work.task)


def inputs_of(work: Workload, known: DataCard) -> tuple[int, ...]:
    """The shape of one input: (channels, height, width), or (words,)."""
    if work.tokens is not None:
        return (work.tokens.context,)
    return (work.text.length,) if work.text is not None else work.input_shape(known)


def input_dtype(work: Workload) -> torch.dtype:
    """Returns int64 where inputs are words or tokens, else float32."""
    return torch.float32 if work.text is None and work.tokens is None else torch.int64
