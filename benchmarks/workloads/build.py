"""Builds a workload's network, and checks that a user's own network and task fit the data."""

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
from benchmarks.workloads.tasks.own import check_on_random_batch
from benchmarks.workloads.workload import Workload


def network_of(work: Workload, card: DataCard, *, seed: int = 0, vocabulary: int | None = None) -> dict[str, nn.Module]:
    """Builds the workload's network -> layer name -> module, in forward order, as `networks.build`.

    card: of the data as they were found. vocabulary: how many words the data has; by default the most that may be kept.
    """
    offered = _build_arguments(work, card, vocabulary)
    if work.own_network is not None:
        return own.build(work.own_network, offered, seed=seed)
    return build(work.network, **offered, seed=seed)


def _build_arguments(work: Workload, card: DataCard, vocabulary: int | None = None) -> dict[str, Any]:
    """Returns the keyword arguments of `networks.build`, of which a user's network takes those that it names."""
    words = work.vocabulary_on(card) if vocabulary is None else vocabulary
    return {
        "classes": outputs_of(work, card, 1, vocabulary)[-1],
        "shape": inputs_of(work, card),
        "width": work.width,
        "blocks": work.blocks,
        "stem": work.stem,
        "vocabulary": words,
        "embedding": work.embedding or 128,
        "heads": work.heads,
        "patch": work.patch,
    }


def try_network(work: Workload, card: DataCard) -> own.Tried:
    """Tries a user's network on the data's shape. Raises UserError where it fails."""
    offered, shape = tuple(_build_arguments(work, card).items()), outputs_of(work, card, 2)
    assert work.own_network is not None
    return own.tried(work.own_network, offered, input_dtype(work), work.trained_for, shape)


def check_task(work: Workload, card: DataCard) -> None:
    """Checks that the network's output fits the task, on a batch of two, and tries a user's own task.

    Raises UserError where the task fails, or the network of the suite does not fit it. A user's own network is tried by
    `try_network` instead.
    """
    inputs = (2, *inputs_of(work, card))
    shape = outputs_of(work, card, 2)
    if (task := work.own.own_task(work.task)) is not None:
        words = work.vocabulary_on(card) if work.tokens is not None else None
        targets = (
            own.descending_integers(card.classes, (2,)) if words is None else own.descending_integers(words, inputs)
        )
        check_on_random_batch(task, shape, targets.float() if card.floats else targets)
    if work.network in NETWORKS:
        with torch.device("meta"):
            output = forward_all(list(network_of(work, card).values()), torch.zeros(inputs, dtype=input_dtype(work)))
        check_fit(work.network, tuple(output.shape), shape, work.trained_for)


def input_dtype(work: Workload) -> torch.dtype:
    """Returns int64 where inputs are words or tokens, else float32."""
    return torch.float32 if work.text is None and work.tokens is None else torch.int64
