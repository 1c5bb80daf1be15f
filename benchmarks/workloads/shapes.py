"""Shapes of inputs and outputs, and the memory that outputs take. Imports no torch, unless a task of one's own does."""

from __future__ import annotations

import math

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.memory import machine_memory
from benchmarks.workloads.workload import Workload

COPIES, SHARE = 4, 2
"""Outputs of a batch are in memory about four times, with their logarithms and both gradients; they may take a half of
the machine's memory."""


def inputs_of(work: Workload, known: DataCard) -> tuple[int, ...]:
    """The shape of one input: (channels, height, width), or (words,)."""
    if work.tokens is not None:
        return (work.tokens.context,)
    return (work.text.length,) if work.text is not None else work.input_shape(known)


def outputs_of(work: Workload, known: DataCard, batch: int, vocabulary: int | None = None) -> tuple[int, ...]:
    """The shape of a batch's outputs, as the task wants them. vocabulary: as of `network_of`.

    Raises UserError where the function of a task of one's own fails.
    """
    words = work.vocabulary_on(known) if vocabulary is None else vocabulary
    inputs, labels = (batch, *inputs_of(work, known)), words or 0 if work.tokens is not None else known.classes
    if (task := work.own.own_task(work.task)) is not None:
        from benchmarks.workloads.tasks import own  # torch, which others go without

        return own.output_shape(task, inputs, labels)
    return work.trained_for.output_shape(inputs, labels)


def check_memory(work: Workload, known: DataCard) -> None:
    """Raises UserError where the outputs of a training batch would fill this machine's memory."""
    shape = outputs_of(work, known, work.batch)
    needed, there = 4 * COPIES * math.prod(shape), machine_memory()
    if needed > there // SHARE:
        size = " x ".join(f"{one:,}" for one in shape)
        raise UserError(
            f"workload.batch={work.batch}: outputs of {size} numbers take {needed / 1e9:.1f} GB with their gradients, "
            f"more than half of this machine's {there / 1e9:.1f} GB: set a smaller batch, context or vocabulary."
        )
