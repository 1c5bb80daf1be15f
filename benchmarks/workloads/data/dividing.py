"""Divides the training data among devices that are not to be alike.

Source: label by label, the shares of the devices are one draw from Dirichlet(alpha): Yurochkin et al.
(arXiv:1905.12022); Hsu et al. (arXiv:1909.06335) draw for each device instead. Where they draw again until all devices
have enough, a seed that does not suffice is refused here. A text has no labels: its place is taken by BLOCKS blocks
of equal length, one after the other, of which each device has a contiguous part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UserError
from benchmarks.workloads.data.options import Shards
from benchmarks.workloads.data.random_keys import Purpose, order

BLOCKS = 10


def by_label(
    labels: NDArray[np.int64], shards: Shards, *, devices: int, batch: int, title: str
) -> list[NDArray[np.int64]]:
    """Returns the positions of each device's samples, ascending; every sample is one device's.

    Raises UserError where labels are numbers, or a device has less than a batch.
    """
    if labels.dtype.kind == "f":
        raise UserError(f"workload.shards.alpha: shards are drawn over labels, and the targets of {title} are numbers.")
    shuffled = order(len(labels), Purpose.SHARDS, shards.seed)
    parts: list[list[NDArray[np.int64]]] = [[] for _ in range(devices)]
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        for part, (first, end) in zip(parts, _cut(len(members), int(label), shards, devices), strict=True):
            part.append(members[first:end])
    positions = [np.sort(np.concatenate(part)) for part in parts]
    _check([len(part) for part in positions], f"training samples of {title}", shards, batch)
    return positions


def by_block(
    tokens: int, shards: Shards, *, context: int, devices: int, batch: int, title: str
) -> list[NDArray[np.int64]]:
    """Returns the parts of each device's text, shape (parts, 2): where the first window begins, and how many may.

    No window reaches into another device's text. tokens: of the training text; context: of a window. Raises UserError
    where a device has fewer windows than a batch.
    """
    parts: list[list[tuple[int, int]]] = [[] for _ in range(devices)]
    for block in range(BLOCKS):
        begin, after = tokens * block // BLOCKS, tokens * (block + 1) // BLOCKS
        for part, (first, end) in zip(parts, _cut(after - begin, block, shards, devices), strict=True):
            if end - first > context:  # the last token of a window has to be followed by one
                part.append((begin + first, end - first - context))
    _check([sum(count for _, count in part) for part in parts], f"windows of {title}", shards, batch)
    return [np.array(part, np.int64) for part in parts]


def _cut(size: int, group: int, shards: Shards, devices: int) -> list[tuple[int, int]]:
    """Returns where each device's part of a group of so many begins and ends."""
    assert shards.alpha is not None
    random = Random(f"shards {shards.seed} of group {group}")
    # Gamma(alpha) is Gamma(alpha + 1) times u ** (1 / alpha); in logarithms, since for a small alpha all would be 0.
    logs = [
        math.log(random.gammavariate(shards.alpha + 1, 1.0)) + math.log(1 - random.random()) / shards.alpha
        for _ in range(devices)
    ]
    sums = list(accumulate(math.exp(value - max(logs)) for value in logs))
    return list(pairwise([0, *(int(size * part / sums[-1]) for part in sums[:-1]), size]))


def _check(sizes: Sequence[int], what: str, shards: Shards, batch: int) -> None:
    if (least := min(sizes)) < batch:
        raise UserError(
            f"workload.shards.alpha={shards.alpha:g}: by seed {shards.seed} device {sizes.index(least)} of "
            f"{len(sizes)} has {least} {what}, and a batch takes {batch}: set a larger alpha, another "
            "workload.shards.seed or a smaller batch, or take fewer devices."
        )
