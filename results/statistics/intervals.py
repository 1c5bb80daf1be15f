"""Intervals of means, standard deviations and their ratios, from one finite number per run.

Each formula names its source; docs/statistics.md says where it holds, tests/results/test_calibration.py shows it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

LEVEL = 0.95
"""Confidence level of every interval, unless several comparisons share one error."""

# Below, the studentised bootstrap has too few distinct resamples (n = 3: ten) and the t interval covers better.
BOOTSTRAP_RUNS = 8
_RESAMPLES = 9999
_ROUNDING = 1e-9
_LARGEST_LOG = math.log(sys.float_info.max)


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval at `level`, in the unit of the values. low == high: the runs showed no spread."""

    low: float
    high: float
    level: float = LEVEL

    def leaves_out(self, equal: float) -> bool:
        """Whether the interval excludes equality: 0 for a difference, 1 for a ratio."""
        return not self.low <= equal <= self.high


class Spread(NamedTuple):
    """A mean, its squared standard error, and the degrees of freedom of that error."""

    mean: float
    variance: float
    freedom: float


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Returns Student's t interval of the mean (Student, 1908); None for fewer than two runs, which have no spread.

    Raises:
        ValueError: a value is not finite.
    """
    sample = spread(values)
    return None if sample is None else t_interval(sample, level)


def ratio_interval(a: Sequence[float], b: Sequence[float], level: float = LEVEL, seed: int = 0) -> Interval | None:
    """Returns the interval of mean(a) / mean(b) of two independent groups; None if one has fewer than two runs.

    With 8 runs or more a group, the studentised bootstrap of the log ratio (bootstrap-t: Efron & Tibshirani, 1993,
    chapter 12.5), whose resamples `seed` draws. With fewer, Student's t on the log ratio: delta method (Hedges,
    Gurevitch & Curtis, 1999, equation 1) and Welch's degrees of freedom; a percentile bootstrap of three runs covers
    only 80 %.

    Raises:
        ValueError: a value is not positive and finite.
    """
    if min([*a, *b], default=1.0) <= 0:
        raise ValueError("a ratio of means needs positive values")
    spreads = spread(a), spread(b)
    if spreads[0] is None or spreads[1] is None:
        return None
    plain = log_ratio_interval(spreads[0], spreads[1], level)
    if min(len(a), len(b)) < BOOTSTRAP_RUNS or plain.low == plain.high:
        return plain
    return _bootstrap_t(a, b, level, seed) or plain


def std_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Returns the interval of normal values' standard deviation, by chi-squared (Fisher, 1924); None without a spread.

    Raises:
        ValueError: a value is not finite.
    """
    from scipy.special import chdtri

    sample = spread(values)
    if sample is None or not sample.variance:
        return None
    squares = sample.variance * len(values) * sample.freedom
    low, high = (
        math.sqrt(squares / float(chdtri(sample.freedom, tail))) for tail in ((1 - level) / 2, (1 + level) / 2)
    )
    return Interval(low, high, level)


def std_ratio_interval(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Returns the interval of std(a) / std(b) of independent normal values, by F (Fisher, 1924); None without a spread.

    Raises:
        ValueError: a value is not finite.
    """
    from scipy.special import fdtri

    spread_a, spread_b = spread(a), spread(b)
    if spread_a is None or spread_b is None or not spread_a.variance or not spread_b.variance:
        return None
    ratio = spread_a.variance * len(a) / (spread_b.variance * len(b))
    tails = ((1 + level) / 2, (1 - level) / 2)
    low, high = (math.sqrt(ratio / float(fdtri(spread_a.freedom, spread_b.freedom, tail))) for tail in tails)
    return Interval(low, high, level)


def mean(values: Sequence[float]) -> float:
    """Returns the mean; of equal values it is that value, which the sum's rounding alone would not give."""
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


def spread(values: Sequence[float], least: float = 0.0) -> Spread | None:
    """Returns mean, squared standard error and degrees of freedom; None for fewer than two runs.

    least: lower limit of the values' variance, for values whose true spread may be hidden.
    """
    numbers, n = finite(values), len(values)
    if n < 2:
        return None
    middle = mean(numbers)
    squares = math.fsum((value - middle) ** 2 for value in numbers)
    return Spread(middle, max(squares / (n - 1), least) / n, n - 1.0)


def welch_freedom(a: Spread, b: Spread) -> float:
    """Returns the degrees of freedom of a sum of two squared standard errors (Welch, 1938; Satterthwaite, 1946)."""
    total = a.variance + b.variance
    if total == 0:
        return a.freedom + b.freedom
    shares = (a.variance / total) ** 2 / a.freedom + (b.variance / total) ** 2 / b.freedom
    return 1 / shares


def cautious_freedom(variances: Sequence[float], freedom: float) -> float:
    """Returns Welch's degrees of freedom of a sum of squared standard errors, reduced so that tests keep their level.

    freedom: the smallest of any term, used for all terms; the result is rounded down. It lies between this smallest
    one, which is safe for any spreads (Hsu, 1938; Mickey & Brown, 1966), and Welch's own, whose test calls up to 10 %
    of equal means different with two runs against five, and up to 6 % with two against two.
    """
    squares = math.fsum(variance**2 for variance in variances)
    if squares == 0:
        return freedom
    return max(1.0, math.floor(freedom * math.fsum(variances) ** 2 / squares * (1 + _ROUNDING)))


def bound_variance(bound: float, variance: float, n: int, level: float = LEVEL) -> float:
    """Returns the squared standard error of a mean of n runs, some of which are known only by how far they went.

    bound, variance: mean of the runs' times or limits, and its squared standard error. Runs that all stopped at the
    same limit show no spread, and yet their mean is unknown: that all n lie beyond a limit only says that a share of
    ((1 - level) / 2)^(1/n) of all runs does (Clopper & Pearson, 1934). So the error is made large enough for the
    interval to reach down to that share of the bound.
    """
    share: float = ((1 - level) / 2) ** (1 / n)
    least: float = ((1 - share) * bound / _t(level, n - 1.0)) ** 2
    return max(variance, least)


def difference(a: Spread, b: Spread) -> Spread:
    """Returns the difference of two independent means, with Welch's degrees of freedom."""
    return Spread(a.mean - b.mean, a.variance + b.variance, welch_freedom(a, b))


def t_interval(estimate: Spread, level: float) -> Interval:
    """Returns mean +- t * standard error."""
    half = _t(level, estimate.freedom) * math.sqrt(estimate.variance) if estimate.variance else 0.0
    return Interval(estimate.mean - half, estimate.mean + half, level)


def log_interval(estimate: Spread, level: float) -> Interval:
    """Returns exp of Student's t interval of log(mean), whose squared standard error is that of the mean / mean^2."""
    return _exponential(t_interval(_log(estimate), level))


def log_ratio_interval(a: Spread, b: Spread, level: float) -> Interval:
    """Returns exp of Student's t interval of log(a / b), with Welch's degrees of freedom."""
    return _exponential(t_interval(difference(_log(a), _log(b)), level))


def _log(estimate: Spread) -> Spread:
    """Returns the spread of the logarithm (delta method)."""
    return Spread(math.log(estimate.mean), estimate.variance / estimate.mean**2, estimate.freedom)


def _exponential(logs: Interval) -> Interval:
    """Returns exp of both ends; infinity beyond the largest float, as for a mean that is all but 0."""
    low, high = (math.exp(end) if end < _LARGEST_LOG else math.inf for end in (logs.low, logs.high))
    return Interval(low, high, logs.level)


def finite(values: Sequence[float]) -> list[float]:
    """Returns the values; raises ValueError if one is not finite."""
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not finite; times with runs that never arrived go through results.censoring")
    return list(values)


def _bootstrap_t(a: Sequence[float], b: Sequence[float], level: float, seed: int) -> Interval | None:
    """Bootstrap-t interval; None if ties give so many resamples without spread that they reach its ends."""
    import numpy as np

    rng = np.random.default_rng(seed)
    groups = [np.asarray(group, float) for group in (a, b)]

    def logs(drawn: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        means = [group.mean(axis=-1) for group in drawn]
        errors = [group.var(axis=-1, ddof=1) / group.shape[-1] for group in drawn]
        variance = errors[0] / means[0] ** 2 + errors[1] / means[1] ** 2
        return np.log(means[0] / means[1]), np.sqrt(variance)

    center, error = logs(groups)
    resampled, errors = logs([group[rng.integers(0, len(group), (_RESAMPLES, len(group)))] for group in groups])
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.nan_to_num((resampled - center) / errors, nan=0.0, posinf=np.inf, neginf=-np.inf)
    tails = [(1 - level) / 2, (1 + level) / 2]
    below, above = np.quantile(studentised, tails, method="inverted_cdf")
    if not (math.isfinite(below) and math.isfinite(above)):
        return None
    return Interval(float(np.exp(center - above * error)), float(np.exp(center - below * error)), level)


def _t(level: float, freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))
