"""Intervals of means and standard deviations, and of ratios of two of them, from one finite number per run.

Every formula names its source; docs/statistics.md says where each holds, tests/results/test_calibration.py shows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

LEVEL = 0.95
"""Confidence level of every interval, unless several comparisons share one error."""

# Below, the studentised bootstrap has too few distinct resamples (n = 3: ten) and the t interval covers better.
BOOTSTRAP_RUNS = 8
_RESAMPLES = 9999
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval at `level`, in the unit of the values. low == high: the runs showed no spread at all."""

    low: float
    high: float
    level: float = LEVEL

    def leaves_out(self, equal: float) -> bool:
        """Whether two differ, of whose comparison this is. equal: 0 of a difference, 1 of a ratio."""
        return not self.low <= equal <= self.high


class Spread(NamedTuple):
    """A mean, its squared standard error, and the degrees of freedom of that."""

    mean: float
    variance: float
    freedom: float


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Student's t interval of the mean (Student, 1908); None for fewer than two runs, which have no spread.

    Raises:
        ValueError: a value is not finite.
    """
    found = spread(values)
    return None if found is None else t_interval(found, level)


def ratio_interval(a: Sequence[float], b: Sequence[float], level: float = LEVEL, seed: int = 0) -> Interval | None:
    """The ratio of the means of two independent groups, mean(a) / mean(b); None if one has fewer than two runs.

    From 8 runs a group on the studentised bootstrap of the log ratio (bootstrap-t: Efron & Tibshirani, 1993, chapter
    12.5), `seed` draws its resamples. With fewer, Student's t on the log ratio: delta method (Hedges, Gurevitch &
    Curtis, 1999, equation 1) and Welch's degrees of freedom: a percentile bootstrap of three runs covers 80 %.

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
    """Interval of normal values' standard deviation, by chi-squared (Fisher, 1924); None where they show no spread.

    Raises:
        ValueError: a value is not finite.
    """
    from scipy.special import chdtri

    found = spread(values)
    if found is None or not found.variance:
        return None
    squares = found.variance * len(values) * found.freedom
    low, high = (math.sqrt(squares / float(chdtri(found.freedom, tail))) for tail in ((1 - level) / 2, (1 + level) / 2))
    return Interval(low, high, level)


def std_ratio_interval(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Interval of std(a) / std(b) of independent normal values, by F (Fisher, 1924); None where one has no spread.

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


def spread(values: Sequence[float], least: float = 0.0) -> Spread | None:
    """Mean, squared standard error and degrees of freedom; None for fewer than two runs.

    least: the variance that the values have at least, whatever they show.
    """
    known, n = finite(values), len(values)
    if n < 2:
        return None
    mean = math.fsum(known) / n
    # Equal values may differ from their mean by a rounding error, which is no spread.
    squares = math.fsum((value - mean) ** 2 for value in known) if min(known) < max(known) else 0.0
    return Spread(mean, max(squares / (n - 1), least) / n, n - 1.0)


def welch_freedom(a: Spread, b: Spread) -> float:
    """Degrees of freedom of the sum of two squared standard errors (Welch, 1938; Satterthwaite, 1946)."""
    total = a.variance + b.variance
    if total == 0:
        return a.freedom + b.freedom
    shares = (a.variance / total) ** 2 / a.freedom + (b.variance / total) ** 2 / b.freedom
    return 1 / shares


def cautious_freedom(variances: Sequence[float], freedom: float) -> float:
    """Welch's degrees of freedom of a sum of squared standard errors, never so many that a test is too often sure.

    freedom: the least of any of them, which counts for all; then rounded down. It lies between the least, which is safe
    whatever the spreads are (Hsu, 1938; Mickey & Brown, 1966), and Welch's own, whose test calls up to 10 % of equal
    means different with two runs against five, and up to 6 % with two against two.
    """
    squares = math.fsum(variance**2 for variance in variances)
    if squares == 0:
        return freedom
    return max(1.0, math.floor(freedom * math.fsum(variances) ** 2 / squares * (1 + _ROUNDING)))


def bound_variance(bound: float, variance: float, n: int, level: float = LEVEL) -> float:
    """The squared standard error of a mean's lower bound, where some of n runs are known by how far they went alone.

    bound, variance: the mean of the runs' times, or limits, and its squared standard error. Runs that all went as far
    show no spread, and yet their mean is not known: that all n lie beyond a limit says no more than that a share of
    ((1 - level) / 2)^(1/n) of all runs does (Clopper & Pearson, 1934). So the error is at least so large that the
    interval goes down to that share of the bound.
    """
    share: float = ((1 - level) / 2) ** (1 / n)
    least: float = ((1 - share) * bound / _t(level, n - 1.0)) ** 2
    return max(variance, least)


def difference(a: Spread, b: Spread) -> Spread:
    """Difference of two independent means, with Welch's degrees of freedom."""
    return Spread(a.mean - b.mean, a.variance + b.variance, welch_freedom(a, b))


def t_interval(of: Spread, level: float) -> Interval:
    """mean +- t * standard error."""
    half = _t(level, of.freedom) * math.sqrt(of.variance) if of.variance else 0.0
    return Interval(of.mean - half, of.mean + half, level)


def log_interval(of: Spread, level: float) -> Interval:
    """Student's t interval of log(mean), taken back; log(mean) has the squared standard error of the mean / mean^2."""
    logs = t_interval(Spread(math.log(of.mean), of.variance / of.mean**2, of.freedom), level)
    return Interval(math.exp(logs.low), math.exp(logs.high), level)


def log_ratio_interval(a: Spread, b: Spread, level: float) -> Interval:
    """Student's t interval of log(a / b), taken back, with Welch's degrees of freedom."""
    log_a, log_b = (Spread(math.log(of.mean), of.variance / of.mean**2, of.freedom) for of in (a, b))
    logs = t_interval(difference(log_a, log_b), level)
    return Interval(math.exp(logs.low), math.exp(logs.high), level)


def finite(values: Sequence[float]) -> list[float]:
    """The values; raises ValueError if one is not finite."""
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not finite; times with runs that never arrived go through results.censoring")
    return list(values)


def _bootstrap_t(a: Sequence[float], b: Sequence[float], level: float, seed: int) -> Interval | None:
    """Bootstrap-t interval; None where values have so many ties that resamples without spread reach its ends."""
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
