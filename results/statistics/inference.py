"""Statistics of few runs: tests between two methods, numbers of seeds, agreement with a published value.

All are pure functions of finite numbers, one per run; times of runs that may never arrive go to
`results.statistics.censoring`. Each formula names its source; docs/statistics.md says where it holds,
tests/results/test_calibration.py shows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from results.statistics.intervals import LEVEL, Interval, Spread, finite, spread
from results.statistics.resolution import Bracketed, difference_hull

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

WEAK_RUNS = 3

# The exact test lists all divisions of the runs up to 8 against 8 (12,870); beyond, it draws this many at random.
_PERMUTATIONS = 20_000
_CERTAIN = 30.0  # standard errors, beyond which the noncentral t is not asked for

ACCURACY_MARGIN_POINTS = 1.0
RELATIVE_MARGIN = 0.10


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Comparison with a published mean: "agrees" (within the margin), "differs" (beyond it), or "undecided".

    interval: of ours - published, at 1 - 2 alpha; None if ours has fewer than two runs.
    """

    status: Literal["agrees", "differs", "undecided"]
    margin: float
    difference: float
    interval: Interval | None


def weak(n: int) -> bool:
    """Whether evidence of n runs must be called weak wherever it is shown: three or fewer."""
    return n <= WEAK_RUNS


def permutation_test(a: ArrayLike, b: ArrayLike, seed: int = 0) -> np.ndarray:
    """Returns p of the two-sided permutation test of the difference of means (Fisher, 1935; Pitman, 1937; Ernst, 2004).

    Exact for up to 8 runs a method; beyond, 20,000 random divisions drawn by `seed`. p is at least 2 / C(n_a + n_b,
    n_a): 0.1 for 3 against 3.

    Args:
        a: values of a method, or of many experiments: (..., n_a), with n_a at least 2.
        b: values of the other method: (..., n_b).

    Returns:
        p of each experiment: (...).
    """
    import numpy as np
    from scipy.stats import permutation_test as test

    def difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.mean(x, axis=axis) - np.mean(y, axis=axis))

    options = {"n_resamples": _PERMUTATIONS, "vectorized": True, "rng": np.random.default_rng(seed), "axis": -1}
    return np.asarray(test((np.asarray(a, float), np.asarray(b, float)), difference, **options).pvalue)


def effect_size(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Returns Hedges' g: |difference of means| in pooled standard deviations, without small-sample bias (Hedges, 1981).

    None without a spread: fewer than two runs of a method, or all of each method's runs equal.
    """
    spread_a, spread_b = spread(a), spread(b)
    if spread_a is None or spread_b is None or spread_a.variance + spread_b.variance == 0:
        return None
    freedom = spread_a.freedom + spread_b.freedom
    squares = spread_a.variance * len(a) * spread_a.freedom + spread_b.variance * len(b) * spread_b.freedom
    return abs(spread_a.mean - spread_b.mean) / math.sqrt(squares / freedom) * (1 - 3 / (4 * freedom - 1))


def seeds_needed(a: Sequence[float], b: Sequence[float], power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Returns the runs per method with which the test would find the measured difference, if it is the true one.

    None without a difference or a spread. From three runs it is a rough guess.
    """
    effect = effect_size(a, b)
    return None if not effect else seeds_for_effect(effect, power, alpha)


def seeds_for_effect(effect: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Returns the runs per method to find a difference of `effect` standard deviations with probability `power`.

    n = 2 (z(1 - alpha/2) + z(power))^2 / effect^2 + z(1 - alpha/2)^2 / 4 (Guenther, 1981), with the alpha that the
    exact permutation test can attain with n runs, so that n is at least 4 at alpha = 0.05.

    Raises:
        ValueError: the effect is not positive.
    """
    if not effect > 0:
        raise ValueError("an effect must be positive")
    n = max(2, math.ceil(_guenther(effect, power, alpha)))
    while n < _guenther(effect, power, _attainable(n, alpha)):
        n += 1
    return n


def chance_beyond(distance: float, error: float, freedom: float, level: float = LEVEL) -> float:
    """Returns the probability that a mean's t interval excludes a bound at this distance from the true mean.

    1 - F(t), with F of the noncentral t distribution and distance / error its noncentrality (Johnson & Welch, 1940).
    error: the true standard error; the interval estimates it with this many degrees of freedom.
    """
    from scipy.special import nctdtr, stdtrit

    if error == 0:
        return float(distance > 0)
    noncentral = min(distance / error, _CERTAIN)
    return float(1 - nctdtr(freedom, noncentral, stdtrit(freedom, (1 + level) / 2))) if noncentral > 0 else 0.0


def margin_of(published_mean: float, *, points: bool) -> float:
    """Returns the largest difference from the published mean that counts as agreement, in the measure's unit.

    1 percentage point for accuracies (`points`), 10 % of the published mean otherwise. Chosen before looking at
    results; docs/statistics.md says why.
    """
    return ACCURACY_MARGIN_POINTS if points else RELATIVE_MARGIN * abs(published_mean)


def equivalence(
    ours: Sequence[float],
    published_mean: float,
    published_std: float | None,
    published_n: int | None,
    margin: float,
    alpha: float = 0.05,
    widths: Sequence[float | None] = (),
) -> Equivalence:
    """Compares a mean with a published one by two one-sided t tests (TOST: Schuirmann, 1987), after Welch.

    The 1 - 2 alpha interval of ours - published decides: within the margin it agrees, wholly beyond it differs; each
    verdict is wrong in at most alpha of the cases. Without a published standard deviation or n, the published mean
    counts as exact. Nothing agrees within a margin of 0.

    Args:
        widths: by how much each of ours may be too high, since it was found at an evaluation; () if all are exact.

    Raises:
        ValueError: the margin is negative, a value is not finite, or there are not as many widths as values.
    """
    if not margin >= 0:
        raise ValueError("a margin cannot be negative")
    difference = math.fsum(finite(ours)) / len(ours) - published_mean if ours else math.nan
    spreads = Bracketed.of(ours, widths).spreads
    if spreads is None:
        return Equivalence("undecided", margin, difference, None)
    published = Spread(published_mean, 0.0, 1.0)
    if published_std is not None and published_n is not None and published_n >= 2:
        published = Spread(published_mean, published_std**2 / published_n, published_n - 1.0)
    interval = difference_hull(spreads, (published, published), 1 - 2 * alpha)
    if -margin < interval.low and interval.high < margin:
        return Equivalence("agrees", margin, difference, interval)
    beyond = interval.low > margin or interval.high < -margin
    return Equivalence("differs" if beyond else "undecided", margin, difference, interval)


def _guenther(effect: float, power: float, alpha: float) -> float:
    from scipy.special import ndtri

    if alpha <= 0:
        return math.inf
    z = -ndtri(alpha / 2)
    return float(2 * (z + ndtri(power)) ** 2 / effect**2 + z**2 / 4)


def _attainable(n: int, alpha: float) -> float:
    """Largest p of the exact test of n against n that is at most alpha, without ties; 0 if there is none."""
    divisions = math.comb(2 * n, n)
    return 2 * math.floor(alpha / 2 * divisions) / divisions if n <= 20 else alpha
