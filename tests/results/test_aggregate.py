"""Aggregate scores of several runs, after Agarwal et al."""

from __future__ import annotations

import numpy as np
import pytest

from results.statistics.aggregate import (
    improvement_interval,
    interquartile_interval,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)


def test_the_interquartile_mean_leaves_out_a_quarter_of_all_runs_at_either_end() -> None:
    assert interquartile_mean({"a": [0.0, 1.0], "b": [9.0, 2.0]}) == 1.5


def test_workloads_count_alike_in_a_profile_however_many_runs_they_have() -> None:
    assert performance_profile({"a": [1.0, 1.0, 1.0, 0.0], "b": [2.0]}, [0.5, 1.5]) == [0.875, 0.5]


def test_equal_scores_are_half_an_improvement() -> None:
    assert probability_of_improvement({"a": [1.0, 2.0], "b": [5.0]}, {"a": [1.0, 1.0], "b": [1.0]}) == 0.875


def test_other_workloads_are_not_compared() -> None:
    with pytest.raises(ValueError, match="b"):
        probability_of_improvement({"a": [1.0]}, {"b": [1.0]})


def test_runs_without_spread_have_a_point_for_an_interval() -> None:
    interval = interquartile_interval({"a": [0.7] * 5, "b": [0.7] * 5})
    assert (interval.low, interval.high) == pytest.approx((0.7, 0.7))


def test_intervals_are_the_same_whenever_they_are_computed_and_hold_their_values() -> None:
    scores, other_scores = ({"a": [*np.random.default_rng(seed).normal(1.0, 0.2, 5)]} for seed in (0, 1))
    interval, improvement = interquartile_interval(scores), improvement_interval(scores, other_scores)
    assert interval == interquartile_interval(scores)
    assert interval.low < interquartile_mean(scores) < interval.high
    assert improvement.low < probability_of_improvement(scores, other_scores) < improvement.high


def test_most_intervals_of_ten_runs_hold_the_true_mean() -> None:
    """A percentile bootstrap is too narrow for few runs; with ten it covers about 90 %."""
    draws = np.random.default_rng(0).normal(0.0, 1.0, (60, 10))
    covered = [
        interval.low <= 0 <= interval.high
        for scores in draws
        for interval in [interquartile_interval({"a": [*scores]})]
    ]
    assert np.mean(covered) > 0.8
