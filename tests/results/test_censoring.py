"""Times of runs that may never arrive, checked against the 6-MP trial, lifelines, and general properties."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from results.measures import MEASURES, Context
from results.records import Record
from results.statistics.censoring import (
    Times,
    kaplan_meier,
    restricted_mean,
    restricted_ratio,
)
from results.statistics.intervals import mean_interval, ratio_interval
from tests.results.samples import write
from tests.sure import sure

# Freireich et al. (1963), weeks of remission of 21 pairs of children, as in Klein & Moeschberger (2003), Table 1.1.
RELAPSED = [6.0, 6, 6, 7, 10, 13, 16, 22, 23]
FOLLOWED = [6.0, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
SIX_MP = Times([*RELAPSED, *[None] * 12], [*[None] * 9, *FOLLOWED])
PLACEBO = Times([1.0, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23])


def test_kaplan_meier_of_the_six_mp_trial() -> None:
    # Klein & Moeschberger (2003), Table 4.1A.
    steps = kaplan_meier(SIX_MP)
    assert [(step.time, step.at_risk, step.arrived) for step in steps] == [
        (6, 21, 3), (7, 17, 1), (10, 15, 1), (13, 12, 1), (16, 11, 1), (22, 7, 1), (23, 6, 1),
    ]  # fmt: skip
    assert [round(step.survival, 3) for step in steps] == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]


def test_restricted_mean_of_the_six_mp_trial() -> None:
    # Klein & Moeschberger (2003), section 4.5: 23.287 weeks up to week 35, standard error 2.827 before m / (m - 1).
    estimate = restricted_mean(SIX_MP)
    assert estimate.mean == pytest.approx(23.287, abs=5e-4)
    assert (estimate.horizon, estimate.censored) == (35.0, 12)
    assert estimate.spreads is not None
    assert math.sqrt(estimate.spreads[1].variance * 8 / 9) == pytest.approx(2.827, abs=5e-4)
    assert estimate.interval is not None
    assert estimate.interval.low < estimate.mean < estimate.interval.high <= 35.0


def test_without_censoring_it_is_the_mean_and_students_interval() -> None:
    estimate, interval = restricted_mean(PLACEBO), sure(mean_interval(PLACEBO.arrived))
    assert estimate.mean == pytest.approx(182 / 21)
    assert estimate.horizon == math.inf
    assert estimate.interval is not None
    assert (estimate.interval.low, estimate.interval.high) == pytest.approx((interval.low, interval.high))


def test_a_run_that_never_arrives_is_not_dropped() -> None:
    diverged = Times([3.0, 5.0, None], limits=[10.0, 10.0, 1.0], never=[False, False, True])
    assert [step.survival for step in kaplan_meier(diverged)] == pytest.approx([2 / 3, 1 / 3])
    estimate = restricted_mean(diverged)
    assert estimate.mean == pytest.approx(6.0)
    assert (estimate.horizon, estimate.censored) == (10.0, 1)
    cut_short = Times([3.0, 5.0, None], limits=[10.0, 10.0, 1.0])
    assert restricted_mean(cut_short).mean == pytest.approx(4.0)
    assert restricted_mean(cut_short).censored == 1


def test_where_no_run_arrives_the_mean_is_a_bound_without_an_interval() -> None:
    estimate = restricted_mean(Times([None] * 3, [10.0, 10.0, 9.0], never=[True] * 3))
    assert (estimate.mean, estimate.interval, estimate.horizon, estimate.censored) == (10.0, None, 10.0, 3)
    one_arrival = restricted_mean(Times([4.0, None, None], [10.0] * 3))
    assert one_arrival.mean == pytest.approx(8.0)
    assert one_arrival.interval is None


def test_a_horizon_beyond_what_was_followed_is_refused() -> None:
    times = Times([3.0, None], [None, 8.0])
    assert restricted_mean(times, 2.0).mean == 2.0
    with pytest.raises(ValueError, match="common_horizon"):
        restricted_mean(times, 9.0)
    with pytest.raises(ValueError, match="common_horizon"):
        restricted_mean(Times([]))


@pytest.mark.parametrize(
    ("values", "limits", "never"),
    [
        ([1.0, None], (), ()),
        ([1.0, None], [1.0], ()),
        ([1.0], (), [True, False]),
        ([-1.0], (), ()),
        ([None], [math.inf], ()),
        ([math.nan], (), ()),
    ],
)
def test_times_that_make_no_sense_are_refused(
    values: list[float | None], limits: list[float | None], never: list[bool]
) -> None:
    with pytest.raises(ValueError, match=r"differ|needs a limit|negative"):
        Times(values, limits, never)


def test_a_speed_up_says_what_it_bounds() -> None:
    fast, slow = Times([2.0, 3.0, 4.0]), Times([8.0, 9.0, None], [10.0] * 3)
    speed_up = sure(restricted_ratio(slow, fast))
    assert speed_up.ratio == pytest.approx(3.0)
    assert (speed_up.bound, speed_up.horizon) == ("at least", 10.0)
    assert speed_up.interval is not None
    assert speed_up.interval.low < 3.0 < speed_up.interval.high
    inverse, equal = sure(restricted_ratio(fast, slow)), sure(restricted_ratio(slow, slow))
    assert (inverse.bound, equal.bound) == ("at most", "restricted")


def test_a_speed_up_without_censoring_is_the_ratio_of_means() -> None:
    a, b = [4.0, 5.0, 6.0], [2.0, 2.5, 3.0]
    speed_up = sure(restricted_ratio(Times(a), Times(b)))
    assert (speed_up.ratio, speed_up.bound, speed_up.interval) == (2.0, "exact", ratio_interval(a, b))
    bound = sure(restricted_ratio(Times([None, None], [9.0, 9.0]), Times(b)))
    assert (bound.bound, bound.interval) == ("at least", None)
    assert restricted_ratio(Times(a), Times([0.0, 0.0])) is None


def test_times_to_target_of_records(tmp_path: Path) -> None:
    """One of five runs arrives, one runs out of epochs, two diverge (one after it arrived), one is cut short."""
    runs = [
        write(tmp_path, [10.0, 60.0, 70.0], seed=0),
        write(tmp_path, [10.0, 20.0, 30.0], seed=1),
        write(tmp_path, [65.0], seed=2, status="diverged"),
        write(tmp_path, [10.0, 20.0], seed=3, status=None),
        write(tmp_path, [], seed=4, status="diverged"),
    ]

    def times(key: str, runs: list[Record]) -> Times:
        return sure(MEASURES[key].by_run(runs, Context(60.0)).times)

    seconds = times("time_to_target_seconds", runs)
    limits, never = [6.0, 6.0, 2.0, 4.0, 0.0], [False, True, True, False, True]
    assert seconds == Times([4.0, None, None, None, None], limits, never, [2.0, None, None, None, None])
    assert times("epochs_to_target", runs).values == (2.0, None, None, None, None)
    assert restricted_mean(seconds).horizon == 6.0
    assert restricted_mean(seconds).mean == pytest.approx((4 + 4 * 6) / 5)
    assert restricted_mean(times("time_to_target_seconds", runs[1:3])).mean == 6.0
    assert MEASURES["seconds_per_epoch"].by_run(runs, Context()).times is None
