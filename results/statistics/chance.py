"""Whether an accuracy could be that of a network that has learnt nothing, or next to nothing."""

from __future__ import annotations

from collections.abc import Sequence

NEAR = 0.05
"""The share of what there is to learn, from chance to all correct, up to which an accuracy is near chance."""
ALPHA = 0.05


def near_chance_percent(classes: int) -> float:
    """The accuracy up to which one is near chance: 5.95 % of 100 classes, 14.5 % of 10, 52.5 % of 2."""
    return 100 * (1 / classes + NEAR * (1 - 1 / classes))


def near_chance(bests: Sequence[float], evaluations: int, classes: int, samples: int) -> bool:
    """Whether runs' best accuracies may be those of networks that are right no more often than near chance.

    Each best is the highest of so many evaluations on so many test samples, each by itself binomial; that all runs
    reach the lowest of them has a probability of (1 - (1 - P)^evaluations)^runs then, P a single evaluation's.

    Args:
        bests: in percent, one per run.
    """
    from scipy.special import bdtrc

    hits = max(0, round(min(bests) / 100 * samples))
    once = float(bdtrc(hits - 1, samples, near_chance_percent(classes) / 100)) if hits else 1.0
    return bool((1 - (1 - once) ** evaluations) ** len(bests) > ALPHA)
