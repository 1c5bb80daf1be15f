"""Intervals, ratios and tests of values that are only known to lie between two evaluations.

The simulations draw true times, round them up to the next evaluation, and check errors of at most 5 %, for every
position of the true mean between two evaluations, and spreads from 1/20 of their distance to 4 times it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from results.statistics.intervals import mean_interval, ratio_interval
from results.statistics.resolution import Bracketed, bracketed_ratio, difference_interval, nearest
from results.statistics.seeds import Seeds, apart
from tests.sure import sure

RUNS = 400
PHASES = (0.005, 0.25, 0.5, 0.75)
SPREADS = (0.05, 0.7, 2.0)
MEAN = 12.0


def seen(rng: np.random.Generator, n: int, std: float, mean: float) -> Iterator[Bracketed]:
    """Draws RUNS experiments of n runs, each found at the first evaluation after its true time."""
    for values in np.ceil(mean + std * rng.standard_normal((RUNS, n))).tolist():
        yield Bracketed.of(values, [1.0] * n)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("std", SPREADS)
def test_an_interval_covers_the_true_mean(n: int, std: float) -> None:
    rng = np.random.default_rng(n)
    for phase in PHASES:
        intervals = [bracketed.interval() for bracketed in seen(rng, n, std, MEAN + phase)]
        assert (
            sum(interval is not None and interval.low <= MEAN + phase <= interval.high for interval in intervals)
            >= 0.95 * RUNS
        )


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("std", SPREADS)
def test_equals_are_rarely_told_apart(n: int, std: float) -> None:
    """Compares seed by seed, as two groups, and by quotient."""
    rng = np.random.default_rng(10 + n)
    for phase in PHASES:
        pairs = list(zip(*(seen(rng, n, std, MEAN + phase) for _ in range(2)), strict=True))
        for intervals, equal in (
            ([a.minus(b).interval() for a, b in pairs], 0.0),
            ([difference_interval(a, b) for a, b in pairs], 0.0),
            ([bracketed_ratio(a, b) for a, b in pairs], 1.0),
        ):
            assert (
                sum(interval is None or not interval.low <= equal <= interval.high for interval in intervals)
                <= 0.05 * RUNS
            )


def test_without_a_resolution_nothing_changes() -> None:
    a, b = Bracketed.of([4.0, 5.0, 6.5]), Bracketed.of([2.0, 2.5, 2.2], [None, 0.0, None])
    assert a.exact
    assert b.exact
    assert a.interval() == mean_interval(a.latest)
    assert bracketed_ratio(a, b) == ratio_interval(a.latest, b.latest)
    assert nearest(a, b) == (a.latest, b.latest)


def test_equal_values_have_the_width_of_their_resolution_and_more() -> None:
    interval = sure(Bracketed.of([3.0] * 3, [1.0] * 3).interval())
    assert interval.low == pytest.approx(2 - 4.3027 * math.sqrt(1 / 12 / 3), abs=1e-3)
    assert interval.high == pytest.approx(3 + 4.3027 * math.sqrt(1 / 12 / 3), abs=1e-3)
    assert Bracketed.of([3.0], [1.0]).interval() is None


def test_times_found_at_the_first_evaluation_may_be_0() -> None:
    slow, fast = Bracketed.of([6.0, 6.0], [1.0, 1.0]), Bracketed.of([1.0, 1.0], [1.0, 1.0])
    ratio = sure(bracketed_ratio(slow, fast))
    assert ratio.high == math.inf
    inverse = sure(bracketed_ratio(fast, slow))
    assert inverse.low == 0


def test_a_ratio_to_times_that_are_all_but_0_has_no_upper_end() -> None:
    slow, instant = Bracketed.of([5.0, 6.0], [1.0, 1.0]), Bracketed.of([1e-9, 1.0], [1e-10, 1.0])
    assert sure(bracketed_ratio(slow, instant)).high == math.inf


def test_a_test_is_of_the_least_difference_that_the_evaluations_leave_open() -> None:
    slow, fast = Bracketed.of([5.0, 6.0], [1.0, 1.0]), Bracketed.of([2.0, 3.0], [1.0, 1.0])
    assert nearest(slow, fast) == ((4.0, 5.0), (2.0, 3.0))
    assert nearest(fast, slow) == ((2.0, 3.0), (4.0, 5.0))
    a, b = nearest(slow, Bracketed.of([6.0, 6.0], [1.0, 1.0]))
    assert len({*a, *b}) == 1


def test_equal_values_are_not_told_apart_by_how_many_there_are() -> None:
    """The sum of three times 0.7 is rounded, of twice 0.7 it is not."""

    def timed(first: int, n: int) -> Seeds:
        return Seeds([0.7] * n, [9.0] * n, [False] * n, [None] * n, range(first, first + n))

    assert apart(Seeds([0.7] * 3, seeds=range(3)), Seeds([0.7] * 2, seeds=range(3, 5))) is False
    assert apart(timed(0, 3), timed(3, 2)) is False
