"""Simulates the statistics: intervals at 95 % cover 93 to 97 %, false alarms stay below 6 %.

Seeds are fixed; docs/statistics.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from results.statistics import intervals
from results.statistics.censoring import Times, restricted_mean, restricted_ratio
from results.statistics.inference import equivalence, permutation_test, seeds_for_effect
from results.statistics.intervals import mean_interval, ratio_interval

SHAPES = ("normal", "skewed")
COVERAGE = (0.93, 0.97)
FALSE_ALARMS = 0.06
RUNS = 4000


def draw(rng: np.random.Generator, shape: str, n: int, *, variation: float, mean: float = 1.0) -> np.ndarray:
    """Draws RUNS experiments of n runs; "skewed" is log-normal. variation: standard deviation over mean."""
    deviates = rng.standard_normal((RUNS, n))
    if shape == "normal":
        return np.asarray(mean * (1 + variation * deviates))
    sigma = math.sqrt(math.log1p(variation**2))
    return np.asarray(mean * np.exp(sigma * deviates - sigma**2 / 2))


def covered(all_intervals: Sequence[intervals.Interval | None], truth: float) -> float:
    assert None not in all_intervals
    return sum(interval.low <= truth <= interval.high for interval in all_intervals if interval is not None) / len(
        all_intervals
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [2, 3, 10])
def test_mean_interval(shape: str, n: int) -> None:
    rng = np.random.default_rng(n)
    mean_intervals = [mean_interval(values) for values in draw(rng, shape, n, variation=0.3).tolist()]
    assert COVERAGE[0] <= covered(mean_intervals, 1.0) <= COVERAGE[1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variations", [(0.3, 0.3), (0.05, 0.2)])
@pytest.mark.parametrize("n", [3, 10])
def test_ratio_interval(monkeypatch: pytest.MonkeyPatch, shape: str, variations: tuple[float, float], n: int) -> None:
    monkeypatch.setattr(intervals, "_RESAMPLES", 499)  # fewer than in use, for the time that it takes
    rng = np.random.default_rng(100 + n)
    pairs = zip(
        *(draw(rng, shape, n, variation=variation).clip(0.01).tolist() for variation in variations), strict=True
    )
    ratio_intervals = [ratio_interval(a, b, seed=seed) for seed, (a, b) in enumerate(pairs) if n < 8 or seed < RUNS / 4]
    assert COVERAGE[0] <= covered(ratio_intervals, 1.0) <= COVERAGE[1]


@pytest.mark.parametrize(("n", "missing"), [(3, 0.1), (10, 0.2)])
def test_restricted_mean(n: int, missing: float) -> None:
    """Each run misses the budget with probability `missing`. There is no interval if fewer than two reach it."""
    rng = np.random.default_rng(200 + n)
    runs = draw(rng, "skewed", n, variation=0.2)
    population = draw(rng, "skewed", 200, variation=0.2)
    budget = float(np.quantile(population, 1 - missing))
    estimates = [restricted_mean(_within(values, budget), budget) for values in runs.tolist()]
    known_intervals = [estimate.interval for estimate in estimates if estimate.interval is not None]
    assert len(known_intervals) >= 0.88 * RUNS
    assert COVERAGE[0] <= covered(known_intervals, float(np.minimum(population, budget).mean())) <= COVERAGE[1]


@pytest.mark.parametrize(("n", "missing", "most"), [(3, 0.2, 1.0), (10, 0.1, 0.97)])
def test_restricted_ratio(n: int, missing: float, most: float) -> None:
    """At least one run of the slower method misses the budget, none of the faster one.

    If few arrive, the interval of three or five runs is too wide, but never too narrow.
    """
    rng = np.random.default_rng(300 + n)
    slow, fast = draw(rng, "skewed", n, variation=0.2, mean=2.0), draw(rng, "skewed", n, variation=0.2)
    population = draw(rng, "skewed", 200, variation=0.2, mean=2.0)
    budget = float(np.quantile(population, 1 - missing))
    late = slow.max(axis=1) > budget
    pairs = zip(slow[late].tolist(), fast[late].tolist(), strict=True)
    ratios = [ratio for a, b in pairs if (ratio := restricted_ratio(_within(a, budget), Times(b))) is not None]
    known_intervals = [ratio.interval for ratio in ratios if ratio.interval is not None]
    assert {(ratio.bound, ratio.horizon) for ratio in ratios} == {("at least", budget)}
    assert len(known_intervals) > 0.7 * len(ratios)
    assert COVERAGE[0] <= covered(known_intervals, float(np.minimum(population, budget).mean())) <= most


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("n_a", "n_b"), [(3, 3), (3, 5)])
def test_false_alarms_between_methods(shape: str, n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(400 + n_a + n_b)
    a, b = (draw(rng, shape, n, variation=0.1)[:1000] for n in (n_a, n_b))
    assert np.mean(permutation_test(a, b) <= 0.05) <= FALSE_ALARMS


@pytest.mark.parametrize("effect", [2.0, 3.5])
def test_power_with_the_seeds_asked_for(effect: float) -> None:
    """A power of 0.8 is requested; the exact test is slightly weaker than the t test for which the formula holds."""
    n = seeds_for_effect(effect)
    rng = np.random.default_rng(500 + n)
    a, b = rng.standard_normal((2, 1200, n)) + np.array([0.0, effect])[:, None, None]
    assert np.mean(permutation_test(a, b) <= 0.05) >= 0.75


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("std", [0.02, 0.05])
def test_agreement_is_rarely_wrong(shape: str, std: float) -> None:
    """With true means exactly a margin apart, both "agrees" and "differs" are wrong."""
    rng = np.random.default_rng(600)
    samples = draw(rng, shape, 3, variation=std, mean=1.1).tolist()
    published = draw(rng, shape, 3, variation=std)
    verdicts = [
        equivalence(runs, mean, spread, 3, margin=0.1).status
        for runs, mean, spread in zip(
            samples, published.mean(1).tolist(), published.std(1, ddof=1).tolist(), strict=True
        )
    ]
    assert verdicts.count("agrees") / RUNS <= FALSE_ALARMS
    assert verdicts.count("differs") / RUNS <= FALSE_ALARMS


def _within(values: list[float], budget: float) -> Times:
    arrived = [value <= budget for value in values]
    times = [value if in_time else None for value, in_time in zip(values, arrived, strict=True)]
    return Times(times, [budget] * len(values), [not in_time for in_time in arrived])
