"""Summarises scores of many runs: interquartile mean, performance profile, probability of improvement.

After Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice" (arXiv:2108.13264). A
greater score is better. Intervals are percentiles of a bootstrap that resamples runs within each workload, with a fixed
seed: equal scores give equal intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from results.statistics.intervals import LEVEL, Interval

RESAMPLES = 2000
TRIMMED = 0.25
"""Share of runs that the interquartile mean drops at either end."""
_SEED = 0

Scores = Mapping[str, Sequence[float]]
"""Scores of the runs by workload, in any order."""
Array = NDArray[np.float64]


def interquartile_mean(scores: Scores) -> float:
    """Returns the mean of the middle half of all runs (section 4.3).

    `interquartile_mean({"a": [0.0, 1.0, 2.0, 9.0]}) # 1.5`
    """
    return float(_trimmed(np.concatenate([np.asarray(values, float) for values in scores.values()])))


def interquartile_interval(scores: Scores, level: float = LEVEL) -> Interval:
    """Returns the interval of the interquartile mean; a single point if the runs of each workload are equal."""
    drawn = np.concatenate([_drawn(values, number) for number, values in enumerate(scores.values())], axis=1)
    return _percentiles(_trimmed(drawn), level)


def performance_profile(scores: Scores, at: Sequence[float]) -> list[float]:
    """Returns the share of runs whose score is at least each value of `at`, averaged over workloads (section 4.2)."""
    shares = [
        np.mean(np.asarray(values, float)[:, None] >= np.asarray(at, float), axis=0) for values in scores.values()
    ]
    return [float(share) for share in np.mean(shares, axis=0)]


def probability_of_improvement(scores: Scores, over: Scores) -> float:
    """Returns the probability that a run scores higher than one of `over` on the same workload (section 4.3).

    Equal scores count half; workloads have equal weights (Mann & Whitney's U over the number of pairs). Raises
    ValueError if the two have different workloads.
    """
    pairs = [(np.asarray(scores[name], float), np.asarray(over[name], float)) for name in _both(scores, over)]
    return float(np.mean([_better(ours, theirs) for ours, theirs in pairs]))


def improvement_interval(scores: Scores, over: Scores, level: float = LEVEL) -> Interval:
    """Returns the interval of the probability of improvement. Raises ValueError likewise."""
    names = _both(scores, over)
    drawn = [
        _better(_drawn(scores[name], 2 * number), _drawn(over[name], 2 * number + 1))
        for number, name in enumerate(names)
    ]
    return _percentiles(np.mean(drawn, axis=0), level)


def _both(scores: Scores, over: Scores) -> list[str]:
    if scores.keys() != over.keys():
        raise ValueError(f"scores of {sorted(scores)} cannot be compared with those of {sorted(over)}")
    return list(scores)


def _better(ours: Array, theirs: Array) -> Array:
    """Probability that an entry of ours is greater than one of theirs, ties half; over the last axis."""
    signs = np.sign(ours[..., :, None] - theirs[..., None, :])
    return np.asarray((1 + signs.mean(axis=(-2, -1))) / 2)


def _drawn(scores: Sequence[float], number: int) -> Array:
    """Draws RESAMPLES samples of the scores with replacement, one per row. number: of the random stream."""
    values = np.asarray(scores, float)
    chosen = np.random.default_rng([_SEED, number]).integers(len(values), size=(RESAMPLES, len(values)))
    return np.asarray(values[chosen])


def _trimmed(values: Array) -> Array:
    return np.asarray(stats.trim_mean(values, TRIMMED, axis=-1))


def _percentiles(drawn: Array, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)
