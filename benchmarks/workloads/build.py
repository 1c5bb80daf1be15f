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
    words = (work.text.vocabulary + 2 if vocabulary is None else vocabulary) if work.text is not None else None
    return {
        "classes": known.classes,
        "shape": inputs_of(work, known),
        "width": work.width,
        "blocks": work.blocks,
        "stem": work.stem,
        "vocabulary": words,
        "embedding": work.embedding or 128,
    }


def own_layer_count(work: Workload, known: DataCard) -> int:
    """Of a network of the user's own, once it was tried on the data's shape. Raises UserError where it fails."""
    dtype = torch.int64 if work.text is not None else torch.float32
    return own.layer_count(work.network, tuple(_offered(work, known).items()), dtype)


def inputs_of(work: Workload, known: DataCard) -> tuple[int, ...]:
    """The shape of one input: (channels, height, width), or (words,)."""
    return (work.text.length,) if work.text is not None else work.input_shape(known)
