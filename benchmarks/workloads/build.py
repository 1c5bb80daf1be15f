"""A workload's network, built."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.networks import own
from benchmarks.workloads.networks.build import build, forward_all
from benchmarks.workloads.networks.names import NETWORKS
from benchmarks.workloads.shapes import inputs_of, outputs_of
from benchmarks.workloads.tasks import check_fit
from benchmarks.workloads.tasks.own import try_out
from benchmarks.workloads.workload import Workload


def network_of(
    work: Workload, known: DataCard, *, seed: int = 0, vocabulary: int | None = None
) -> dict[str, nn.Module]:
    """Layer name -> module, as `networks.build` gives them. known: the card of the data as it is.

    vocabulary: how many words the data has; by default as many as may be kept.
    """
    offered = _offered(work, known, vocabulary)
    if work.own_network is not None:
        return own.build(work.own_network, offered, seed=seed)
    return build(work.network, **offered, seed=seed)


def _offered(work: Workload, known: DataCard, vocabulary: int | None = None) -> dict[str, Any]:
    words = work.vocabulary_on(known) if vocabulary is None else vocabulary
    return {
        "classes": outputs_of(work, known, 1, vocabulary)[-1],
        "shape": inputs_of(work, known),
        "width": work.width,
        "blocks": work.blocks,
        "stem": work.stem,
        "vocabulary": words,
        "embedding": work.embedding or 128,
        "heads": work.heads,
        "patch": work.patch,
    }


def try_network(work: Workload, known: DataCard) -> own.Tried:
    """Tries a user's network on the data's shape. Raises UserError where it fails."""
    offered, wanted = tuple(_offered(work, known).items()), outputs_of(work, known, 2)
    assert work.own_network is not None
    return own.tried(work.own_network, offered, input_dtype(work), work.trained_for, wanted)


def check_task(work: Workload, known: DataCard) -> None:
    """Tries a task of the user's own on a batch of two, and whether a network of the suite gives what it wants.

    Raises UserError where it fails, or they do not fit. A network of the user's own is tried by `try_network`.
    """
    inputs = (2, *inputs_of(work, known))
    wanted = outputs_of(work, known, 2)
    if (task := work.own.own_task(work.task)) is not None:
        words = work.vocabulary_on(known) if work.tokens is not None else None
        targets = own.from_last(known.classes, (2,)) if words is None else own.from_last(words, inputs)
        try_out(task, wanted, targets)
    if work.network in NETWORKS:
        with torch.device("meta"):
            made = forward_all(list(network_of(work, known).values()), torch.zeros(inputs, dtype=input_dtype(work)))
        check_fit(work.network, tuple(made.shape), wanted, work.trained_for)


def input_dtype(work: Workload) -> torch.dtype:
    """Returns int64 where inputs are words or tokens, else float32."""
    return torch.float32 if work.text is None and work.tokens is None else torch.int64
