"""Cuts a network into contiguous parts: a pipeline's stages, or LPP-SGD's partition.

The published cuts are from FDG's public code (ZHUANGHP/FDG, `DG_models.py`), whose authors also ran DDG with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise

from methods.effects import Layer
from methods.errors import MethodError

Place = tuple[int, Fraction]
"""A cut: the number of a group of blocks, from 1 on, and the share of that group before the cut."""


def _places(blocks: Sequence[int], *cuts: tuple[int, int]) -> tuple[Place, ...]:
    """Converts published cuts, (group, blocks of it before the cut), to (group, share of it before the cut)."""
    return tuple((group, Fraction(before, blocks[group - 1])) for group, before in cuts)


AUTHORS: Mapping[str, Mapping[int, tuple[Place, ...]]] = {
    "resnet18": {2: _places((2, 2, 2, 2), (3, 0)), 3: _places((2, 2, 2, 2), (2, 0), (3, 1))},
    "resnet50": {
        2: _places((3, 4, 6, 3), (3, 0)),
        3: _places((3, 4, 6, 3), (2, 2), (3, 3)),
        4: _places((3, 4, 6, 3), (2, 1), (3, 1), (3, 5)),
    },
    "resnet20": {2: _places((3, 3, 3), (2, 1)), 3: _places((3, 3, 3), (2, 0), (3, 0))},
}
"""Network -> number of stages -> where its authors cut it."""


def split(
    layers: Sequence[Layer], weights: Sequence[float | Fraction], targets: Sequence[Fraction]
) -> list[list[Layer]]:
    """Splits layers into len(targets) + 1 contiguous parts, none of them empty.

        split([a, b, c, d], [1, 1, 1, 3], [Fraction(3)])  # [[a, b, c], [d]]

    layers: at least as many as parts.
    weights: one number per layer, in the unit of the targets.
    targets: the cumulative weight wanted at each cut, ascending.

    Each cut is at the boundary nearest to its target (the first of two equally near ones) that leaves every part a
    layer.
    """
    parts, cuts = len(targets) + 1, [0]
    cumulative = list(accumulate((Fraction(weight) for weight in weights), initial=Fraction(0)))
    for i, target in enumerate(targets, start=1):
        possible = range(cuts[-1] + 1, len(layers) - parts + i + 1)
        cuts.append(min(possible, key=lambda cut: abs(cumulative[cut] - target)))
    return [list(layers[start:end]) for start, end in pairwise([*cuts, len(layers)])]


def evenly(layers: Sequence[Layer], weights: Sequence[float], parts: int) -> list[list[Layer]]:
    """Splits layers into contiguous parts of about equal weight. weights: one number per layer; parts: how many."""
    total = sum((Fraction(weight) for weight in weights), Fraction(0))
    return split(layers, weights, [total * i / parts for i in range(1, parts)])


def check_published(network: str, parts: int) -> None:
    """Raises MethodError if the authors published no cut of this network into this number of parts."""
    if parts > 1 and parts not in AUTHORS.get(network, {}):
        published = ", ".join(f"{name} into {' or '.join(map(str, cuts))}" for name, cuts in AUTHORS.items())
        raise MethodError(
            f"FDG's authors print no cut of {network or 'this network'} into {parts} stages (they cut {published}): "
            "set pipeline.cut to flops, layers or parameters."
        )


def as_published(network: str, layers: Sequence[Layer], parts: int) -> list[list[Layer]]:
    """Splits layers at the cuts that the authors published.

    A network with other numbers of blocks is cut at the same shares of its groups. Layer names tell the groups:
    `stage2.0` is the first block of the second group. Raises MethodError as `check_published` does, and if a group at
    which the authors cut has no layers.
    """
    check_published(network, parts)
    groups = [layer.name.partition(".")[0] for layer in layers]
    targets = [group - 1 + share for group, share in AUTHORS[network][parts]] if parts > 1 else []
    if missing := {f"stage{int(target) + 1}" for target in targets} - set(groups):
        raise MethodError(f"{network} has no layers of {', '.join(sorted(missing))}, at which its authors cut it.")
    blocks = [group.startswith("stage") for group in groups]
    weights = [Fraction(int(block), groups.count(group)) for block, group in zip(blocks, groups, strict=True)]
    return split(layers, weights, targets)
