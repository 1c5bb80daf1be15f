"""Shapes of inputs and outputs, and the memory that outputs take. Imports torch only for a user's own task."""

from __future__ import annotations

import math
from typing import NamedTuple

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.memory import machine_memory
from benchmarks.workloads.networks.names import NETWORKS, heads_of
from benchmarks.workloads.workload import Workload

COPIES, SHARE = 4, 2
"""Outputs of a batch are in memory about four times, with their logarithms and both gradients; they may take a half of
the machine's memory."""
PASSING = 2
"""Scores of one block beside those, softmaxed, that each block keeps for its backward pass: before and after the
softmax in a forward pass, two gradients in a backward pass. So the peak memory of a process has it: a step of GPT over
4,096 places took 3.4 times a block's scores with one block, 6.8 times with four. (torch's fused kernel took 0.1 times;
`networks.transformer.Attention` says why it is not used.)"""
TESTED, TESTED_SCORES = 500, 2**21
"""Samples of a test batch at most, and scores of each head of all of them together."""


def inputs_of(work: Workload, card: DataCard) -> tuple[int, ...]:
    """Returns the shape of one input: (channels, height, width), or (words,)."""
    if work.tokens is not None:
        return (work.tokens.context,)
    return (work.text.length,) if work.text is not None else work.input_shape(card)


def outputs_of(work: Workload, card: DataCard, batch: int, vocabulary: int | None = None) -> tuple[int, ...]:
    """Returns the shape of a batch's outputs that the task expects, such as (128, 10). vocabulary: as for `network_of`.

    Raises UserError where the function of a user's own task fails.
    """
    words = work.vocabulary_on(card) if vocabulary is None else vocabulary
    inputs, labels = (batch, *inputs_of(work, card)), words or 0 if work.tokens is not None else card.classes
    if (task := work.own.own_task(work.task)) is not None:
        from benchmarks.workloads.tasks import own  # torch, which others go without

        return own.output_shape(task, inputs, labels)
    return work.trained_for.output_shape(inputs, labels)


def check_memory(work: Workload, card: DataCard) -> None:
    """Raises UserError where the outputs of a batch, or the scores of its attention, would fill this machine's memory.

    That is the least that a run takes: of one batch in flight, and of a network of one's own its outputs alone.
    """
    shape, attends = outputs_of(work, card, work.batch), _attention(work, card)
    outputs, scores = 4 * COPIES * math.prod(shape), 0
    if attends is not None:
        tested = min(test_batch(work, card), work.samples_of(card)[1] or TESTED)
        scores_bytes = 4 * attends.heads * attends.places**2  # of a sample in one block: one for each pair of places
        scores = scores_bytes * max(work.batch * (attends.blocks + PASSING), tested * PASSING)
    needed, available = outputs + scores, machine_memory()
    if needed > available // SHARE:
        reason, mend = f"outputs of {' x '.join(f'{length:,}' for length in shape)} numbers", "context or vocabulary"
        if attends is not None and scores > outputs:
            reason = f"attention over {attends.places:,} places (heads: {attends.heads}, blocks: {attends.blocks})"
            mend = "or fewer heads, or a shorter context" if work.tokens is not None else "or fewer heads or places"
        raise UserError(
            f"workload.batch={work.batch}: {needed / 1e9:.1f} GB are needed for {reason} and its gradients, more than "
            f"half of this machine's {available / 1e9:.1f} GB: set a smaller batch, {mend}."
        )


def test_batch(work: Workload, card: DataCard) -> int:
    """Returns the most samples of a test batch: fewer over many places, but as many as of a training batch."""
    if work.tokens is not None:
        places = work.tokens.context
    elif (attends := _attention(work, card)) is not None:
        places = attends.places
    else:
        return TESTED
    return min(TESTED, max(work.batch, TESTED_SCORES // places**2))


class _Attention(NamedTuple):
    """Attention of a network: in each block, each head attends over all places."""

    blocks: int
    heads: int
    places: int


def _attention(work: Workload, card: DataCard) -> _Attention | None:
    if work.network not in NETWORKS or not (network := NETWORKS[work.network]).attends:
        return None
    (blocks,), sides = work.blocks or network.blocks, inputs_of(work, card)[-2:]
    places = math.prod(sides) // (work.patch ** len(sides) if network.patched else 1)
    return _Attention(blocks, work.heads or heads_of(work.width), max(1, places))
