"""Intervals, tests and agreement, checked against worked examples from their sources and at their limits."""

from __future__ import annotations

import math
import random
import statistics
from itertools import combinations

import pytest

from results.measures import MEASURES
from results.statistics.inference import (
    effect_size,
    equivalence,
    margin_of,
    permutation_test,
    seeds_for_effect,
    seeds_needed,
)
from results.statistics.intervals import (
    Interval,
    Spread,
    log_ratio_interval,
    mean_interval,
    ratio_interval,
    spread,
    welch_freedom,
)
from tests.sure import sure

# Student (1908): additional hours of sleep of ten patients with two drugs.
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
# Efron & Tibshirani (1993), Table 2.1: survival of mice after surgery, in days.
TREATED = [94.0, 197, 16, 38, 99, 141, 23]
CONTROL = [52.0, 104, 146, 10, 51, 30, 40, 27, 46]


def with_moments(mean: float, std: float, n: int) -> list[float]:
    """Makes n values with exactly this mean and sample standard deviation, for examples that print only these."""
    values = [float(number) for number in range(n)]
    return [mean + std * (value - statistics.mean(values)) / statistics.stdev(values) for value in values]


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


def test_students_interval_of_the_additional_sleep() -> None:
    differences = [hours_2 - hours_1 for hours_1, hours_2 in zip(SLEEP_1, SLEEP_2, strict=True)]
    assert ends(mean_interval(differences)) == pytest.approx((0.7001142, 2.4598858), abs=1e-7)
    assert ends(mean_interval([60.0, 61.0, 62.0])) == pytest.approx((61 - 4.302653 / math.sqrt(3), 63.484138))


def test_one_run_has_no_interval_and_equal_runs_a_narrow_one() -> None:
    assert mean_interval([61.0]) is None
    assert mean_interval([]) is None
    assert ends(mean_interval([0.1, 0.1, 0.1])) == pytest.approx((0.1, 0.1))
    assert (spread([0.1] * 3) or Spread(0, 1, 0)).variance == 0.0  # although 0.1 + 0.1 + 0.1 is not 0.3
    with pytest.raises(ValueError, match=r"results\.censoring"):
        mean_interval([1.0, math.inf])


def test_the_log_ratio_of_a_published_pair() -> None:
    # Hedges, Gurevitch & Curtis (1999), first pair of Curtis & Wang's data: log ratio 0.5470, its variance 0.0385.
    elevated, ambient = Spread(6.817, 1.76998**2 / 3, 2), Spread(3.945, 1.1157**2 / 5, 4)
    relative = [Spread(0, group.variance / group.mean**2, group.freedom) for group in (elevated, ambient)]
    assert relative[0].variance + relative[1].variance == pytest.approx(0.0385, abs=5e-5)
    interval = log_ratio_interval(elevated, ambient, 0.95)
    assert math.log(interval.low * interval.high) / 2 == pytest.approx(0.5470, abs=5e-5)


def test_welchs_degrees_of_freedom_and_p_are_scipys() -> None:
    from scipy.stats import ttest_ind

    welch_test = ttest_ind(TREATED, CONTROL, equal_var=False)
    treated, control = sure(spread(TREATED)), sure(spread(CONTROL))
    assert welch_freedom(treated, control) == pytest.approx(welch_test.df)


def test_a_ratio_needs_two_runs_a_method_and_positive_values() -> None:
    assert ratio_interval([1.0], [2.0, 3.0]) is None
    assert ends(ratio_interval([4.0] * 3, [2.0] * 3)) == (2.0, 2.0)
    with pytest.raises(ValueError, match="positive"):
        ratio_interval([0.0, 1.0], [1.0, 2.0])


def test_from_eight_runs_a_ratio_is_bootstrapped_repeatably() -> None:
    draw = random.Random(1)
    a, b = ([draw.lognormvariate(center, 0.2) for _ in range(10)] for center in (1.0, 0.0))
    interval = ratio_interval(a, b)
    assert interval == ratio_interval(a, b)
    assert interval != ratio_interval(a, b, seed=1)
    spread_a, spread_b = sure(spread(a)), sure(spread(b))
    assert ends(interval) == pytest.approx(ends(log_ratio_interval(spread_a, spread_b, 0.95)), rel=0.1)


def test_the_mice_by_permutation() -> None:
    # Efron & Tibshirani (1993, 15.2) found 132 of 1,000 random divisions at least as large on one side.
    p = permutation_test(TREATED, CONTROL)
    assert p / 2 == pytest.approx(0.132, abs=3 * math.sqrt(0.132 * 0.868 / 1000))


def test_the_exact_test_counts_every_division() -> None:
    a, b = [3.0, 5.0, 9.0], [1.0, 2.0, 4.0, 6.0]
    pool = a + b
    means = [statistics.mean(part) - (sum(pool) - sum(part)) / 4 for part in combinations(pool, 3)]
    difference = statistics.mean(a) - statistics.mean(b)
    tail = min(sum(mean >= difference - 1e-9 for mean in means), sum(mean <= difference + 1e-9 for mean in means))
    assert permutation_test(a, b) == pytest.approx(2 * tail / math.comb(7, 3))
    for n, smallest in ((2, 1 / 3), (3, 0.1), (4, 2 / 70)):
        samples = [float(i) for i in range(n)], [100.0 + i for i in range(n)]
        assert permutation_test(*samples) == pytest.approx(smallest)


@pytest.mark.parametrize(("effect", "n"), [(0.2, 394), (0.5, 64), (0.8, 26), (1.0, 17)])
def test_guenthers_seeds_are_those_of_the_noncentral_t(effect: float, n: int) -> None:
    """Cohen (1988), Table 2.4.1, two-sided alpha 0.05, power 0.8: 64, 26 and 17 for effects of 0.5, 0.8 and 1."""
    from scipy.stats import nct, t

    def power(runs: int) -> float:
        return float(nct.sf(t.isf(0.025, 2 * runs - 2), 2 * runs - 2, effect * math.sqrt(runs / 2)))

    assert seeds_for_effect(effect) == n
    assert power(n - 1) < 0.8 <= power(n)


def test_seeds_are_at_least_what_the_exact_test_needs() -> None:
    assert seeds_for_effect(50.0) == 4
    assert seeds_for_effect(50.0, alpha=0.01) == 5  # 2 / C(10, 5) = 0.008
    assert seeds_for_effect(50.0, alpha=0.1) == 3
    with pytest.raises(ValueError, match="positive"):
        seeds_for_effect(0.0)


def test_seeds_needed_shrinks_the_effect_of_few_runs() -> None:
    assert effect_size([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == pytest.approx(3 * (1 - 3 / 15))  # Hedges (1981)
    assert seeds_needed([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == seeds_for_effect(2.4)
    assert seeds_needed([1.0, 2.0], [1.0, 2.0]) is None
    assert seeds_needed([1.0], [2.0, 3.0]) is None
    assert seeds_needed([1.0] * 3, [2.0] * 3) is None


def test_equivalence_as_published() -> None:
    # Lakens (2017): 5.25 +- 0.95 (95) and 5.22 +- 0.83 (89) lie within 0.384 of each other, t(182) = -2.69, p = 0.004.
    values = with_moments(5.25, 0.95, 95)
    agreement = equivalence(values, 5.22, 0.83, 89, margin=0.384)
    assert agreement.status == "agrees"
    assert agreement.difference == pytest.approx(0.03)
    assert ends(agreement.interval) == pytest.approx((-0.187, 0.247), abs=5e-4)
    assert agreement.interval is not None
    assert agreement.interval.level == pytest.approx(0.9)
    assert equivalence(values, 5.22, 0.83, 89, margin=0.384, alpha=0.0045).status == "agrees"
    assert equivalence(values, 5.22, 0.83, 89, margin=0.384, alpha=0.0035).status == "undecided"


def test_differs_is_a_test_beyond_the_margin() -> None:
    assert equivalence([70.0, 70.2, 70.4], 61.0, 0.2, 3, margin=1.0).status == "differs"
    assert equivalence([52.0, 52.2, 52.4], 61.0, 0.2, 3, margin=1.0).status == "differs"
    assert equivalence([60.0, 63.0, 66.0], 61.0, 0.2, 3, margin=1.0).status == "undecided"


def test_differences_within_an_evaluation_interval_decide_nothing() -> None:
    """A time found at 100 s, 15 s after the evaluation before, may differ by more than 10 s; 150 s surely does."""
    seconds, widths = [99.0, 100.0, 101.0], [15.0] * 3
    assert equivalence(seconds, 100.0, None, None, margin=10.0).status == "agrees"
    agreement = equivalence(seconds, 100.0, None, None, margin=10.0, widths=widths)
    assert agreement.status == "undecided"
    low, high = ends(agreement.interval)
    assert low < -14.0
    assert high > 0.0
    assert equivalence(seconds, 150.0, None, None, margin=10.0, widths=widths).status == "differs"
    assert equivalence(seconds, 88.0, None, None, margin=9.0).status == "differs"
    assert equivalence(seconds, 88.0, None, None, margin=9.0, widths=widths).status == "undecided"
    equal = equivalence([100.0] * 3, 100.0, None, None, margin=16.0, widths=widths)  # arrived together: no certainty
    assert equal.status == "undecided"


def test_without_a_published_spread_ours_stands_alone() -> None:
    accuracies = [60.9, 61.0, 61.1]
    agreement = equivalence(accuracies, 61.0, None, None, margin=1.0)
    low, high = ends(mean_interval(accuracies, 0.9))
    assert ends(agreement.interval) == pytest.approx((low - 61, high - 61))
    assert agreement.status == "agrees"
    assert equivalence(accuracies, 61.0, 0.2, None, margin=1.0) == agreement  # a spread over nobody knows how many runs
    assert equivalence(accuracies, 61.0, 0.2, 1, margin=1.0) == agreement


def test_one_run_decides_nothing() -> None:
    agreement = equivalence([70.0], 61.0, 0.2, 3, margin=1.0)
    assert (agreement.status, agreement.interval, agreement.difference) == ("undecided", None, 9.0)
    assert equivalence([], 61.0, 0.2, 3, margin=1.0).status == "undecided"
    assert equivalence([1.0, 2.0], 0.0, None, None, margin=0.0).status == "undecided"
    with pytest.raises(ValueError, match="margin"):
        equivalence([1.0, 2.0], 0.0, None, None, margin=-1.0)


def test_margins_are_a_point_of_accuracy_or_a_tenth() -> None:
    for key in ("best_accuracy_percent", "train_accuracy_percent", "test_accuracy_percent"):
        assert margin_of(73.9, points=MEASURES[key].points) == 1.0
    assert margin_of(226.4, points=MEASURES["time_to_target_seconds"].points) == pytest.approx(22.64)
    assert margin_of(40.0, points=MEASURES["model_flops_utilisation_percent"].points) == pytest.approx(4.0)
