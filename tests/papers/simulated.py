"""Decides thousands of simulated comparisons by the rule of claims."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

COMPARISONS = 20_000
MOST = 0.05 + 3 * math.sqrt(0.05 * 0.95 / COMPARISONS)
"""5 %, plus the error of a simulation of this size."""
RUNS = ((2, 2), (3, 3), (5, 5), (2, 5), (5, 2))
SPREADS = ((0.1, 0.1), (0.2, 0.1), (0.2, 0.01), (0.01, 0.2))

Sides = tuple[np.ndarray, np.ndarray]


def equals(runs: tuple[int, int], spreads: tuple[float, float], seed: int = 0) -> Sides:
    """Draws COMPARISONS pairs of groups of normal runs, all of mean 1."""
    rng = np.random.default_rng([*runs, seed] if seed else sum(runs))
    a, b = (1 + spread * rng.standard_normal((COMPARISONS, n)) for n, spread in zip(runs, spreads, strict=True))
    return a, b


def moments(values: np.ndarray, below: np.ndarray) -> Sides:
    """Returns mean and squared standard error. below: limits of groups in which some runs are known only by one."""
    n, mean = values.shape[1], below.mean(1)
    variance = below.var(1, ddof=1) / n
    least = ((1 - 0.025 ** (1 / n)) * mean / stdtrit(n - 1, 0.975)) ** 2
    return mean, np.where((below < values).any(1), np.maximum(variance, least), variance)


def decided(a: np.ndarray, b: np.ndarray, how: str, limit: float = math.inf, level: float = 0.95) -> Sides:
    """Returns which pairs the rule calls a < b, and which not, for all pairs at once. limit: where b's runs end."""
    low = np.minimum(b, limit)
    below, above = signs([(1.0, *moments(a, a), a.shape[1]), (-1.0, *moments(b, low), b.shape[1])], how, level)
    return below, above & ~(low < b).any(1)


def signs(means: Sequence[tuple[float, np.ndarray, np.ndarray, int]], how: str, level: float = 0.95) -> Sides:
    """Returns which sums of means the rule calls below 0, and which above.

    means: weight, mean, squared standard error and number of runs of each. how: "quotient" for the sum of their
    logarithms.
    """
    logs = how == "quotient"
    gap = sum(weight * (np.log(mean) if logs else mean) for weight, mean, _, _ in means)
    parts = [weight**2 * (variance / mean**2 if logs else variance) for weight, mean, variance, _ in means]
    total = np.sum(parts, axis=0)
    least = min(n for *_, n in means) - 1
    freedom = np.floor(least * total**2 / np.sum(np.square(parts), axis=0) * (1 + 1e-9))
    half = stdtrit(np.maximum(freedom, 1), (1 + level) / 2) * np.sqrt(total)
    return gap + half < 0, gap - half > 0
