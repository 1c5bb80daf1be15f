"""The rule that decides comparisons: examples by hand, and simulated comparisons of equals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pytest
from scipy.special import stdtrit

from benchmarks.papers.claims.quantities import Quantity, alone_level, on_common_seeds
from benchmarks.papers.claims.rules import Outcome, measured, quotient
from results.published import Published
from results.statistics import Summary, summary
from tests.papers.evidence import Fake
from tests.papers.simulated import COMPARISONS, MOST, RUNS, SPREADS, decided, equals
from tests.sure import sure


def mean_of(mean: float, std: float | None, n: int, *, exact: bool = False) -> Quantity:
    return sure(Quantity.of(Summary(mean, std, n), exact=exact))


def of_runs(*values: float | None, limit: float | None = None) -> Quantity:
    """Summarises runs; those without a value went as far as the limit."""
    return sure(Quantity.of(summary(values, [limit] * len(values)), exact=False))


# ---- by hand


def test_the_interval_is_students_with_welchs_degrees_of_freedom_rounded_down() -> None:
    """Variances 3 and 1 of three runs each give 2 (3 + 1)^2 / (9 + 1) = 3.2 degrees of freedom; equal ones give 4."""
    difference = mean_of(10.0, 3.0, 3).minus(mean_of(5.0, math.sqrt(3), 3)).interval()
    assert (difference.low, difference.high) == pytest.approx((5 - 3.1824 * 2, 5 + 3.1824 * 2), abs=1e-3)
    alike = mean_of(1.0, math.sqrt(3), 3).minus(mean_of(0.0, math.sqrt(3), 3)).interval()
    assert alike.high == pytest.approx(1 + 2.7764 * math.sqrt(2), abs=1e-3)


def test_a_quotients_interval_is_its_logarithms() -> None:
    over = sure(mean_of(10.0, 3.0, 4).over(mean_of(5.0, 4.0, 4)))
    error = stdtrit(4, 0.975) * math.hypot(0.15, 0.4)  # 3 (0.15^2 + 0.4^2)^2 / (0.15^4 + 0.4^4) = 3.8, rounded to 3
    error *= stdtrit(3, 0.975) / stdtrit(4, 0.975)
    assert (over.interval().low, over.interval().high) == pytest.approx((2 * math.exp(-error), 2 * math.exp(error)))
    assert mean_of(10.0, 3.0, 4).over(Quantity(0.0)) is None
    assert Quantity.of(Summary(math.nan, None, 3), exact=True) is None


def test_rows_of_the_same_runs_do_not_differ_by_chance() -> None:
    """Two rows of one algorithm share their runs: the difference is 0, whatever the spread."""
    places = [("table3", "resnet18", row) for row in ("lapsgd", "lppsgd")]
    values = {(*place, "time_to_target_seconds"): Summary(5.0, 1.0, 3) for place in places}

    def judged(**ids: frozenset[str]) -> Outcome:
        points = quotient([("table3", "resnet18")], "lapsgd", "lppsgd", "time_to_target_seconds", low=1.0)
        (point,) = points(measured(Fake(values, ids={place: ids.get(place[2], frozenset()) for place in places})))
        return point

    runs, others = frozenset("abc"), frozenset("def")
    assert judged().status == judged(lapsgd=runs, lppsgd=others).status == "not decided"
    verdict = judged(lapsgd=runs, lppsgd=runs)
    assert verdict.status == "does not hold"
    assert "1x (n = 3), the same runs" in verdict.text


def of_seeds(values: Mapping[int, float]) -> Quantity:
    return sure(Quantity.of(summary(list(values.values())), exact=False, by_seed=values))


def test_means_of_the_same_seeds_are_compared_seed_by_seed() -> None:
    """Differences of 1, 2 and 3 give 2 +- t(2) / sqrt(3), whatever the seeds have in common."""
    a, b = of_seeds({0: 11.0, 1: 52.0, 2: 93.0}), of_seeds({0: 10.0, 1: 50.0, 2: 90.0})
    difference = a.minus(b)
    half = stdtrit(2, 0.975) / math.sqrt(3)
    assert (difference.interval().low, difference.interval().high) == pytest.approx((2 - half, 2 + half))
    assert mean_of(52.0, 41.0, 3).minus(mean_of(50.0, 40.0, 3)).interval().low < -80  # the seeds are not known
    ratio = sure(of_seeds({0: 2.0, 1: 4.0, 2: 6.0}).over(of_seeds({0: 1.0, 1: 2.0, 2: 3.0})))
    assert (ratio.interval().low, ratio.interval().high) == pytest.approx((2.0, 2.0))


def test_a_mean_that_comes_twice_counts_with_the_sum_of_its_weights() -> None:
    """(lu - theirs) / 2 - (lu - ours) / 2 does not depend on lu."""
    lu, ours, theirs = (
        of_seeds({0: 1.0, 1: 90.0, 2: 5.0}),
        of_seeds({0: 4.0, 1: 5.0, 2: 6.0}),
        of_seeds({0: 1, 1: 2, 2: 3}),
    )
    combination = lu.minus(theirs).times(0.5).minus(lu.minus(ours).times(0.5))
    assert (combination.interval().low, combination.interval().high) == pytest.approx((1.5, 1.5))


def test_the_seeds_that_all_have_count_where_two_or_more_have() -> None:
    five, three = of_seeds(dict(enumerate([1.0, 2.0, 3.0, 40.0, 50.0]))), of_seeds(dict(enumerate([0.0, 1.0, 1.0])))
    a, b = on_common_seeds(five, three)
    assert (a.value, a.n, b) == (2.0, 3, three)
    assert a.minus(b).interval().low == pytest.approx(4 / 3 - stdtrit(2, 0.975) * math.sqrt(1 / 9))
    single_common = of_seeds({2: 1.0, 7: 3.0, 8: 5.0})
    assert on_common_seeds(five, single_common) == (five, single_common)
    assert on_common_seeds(five, mean_of(1.0, 1.0, 3))[0] is five
    exact = mean_of(1.0, 0.0, 3, exact=True)
    assert on_common_seeds(exact, five) == (exact, five)


def test_two_seeds_that_differ_alike_show_no_spread() -> None:
    """Their difference is a rounding error, so each mean counts by itself."""
    a, b = of_seeds({0: 0.1 + 0.2, 1: 10.3}), of_seeds({0: 0.3, 1: 10.3})
    plain = mean_of(5.3, math.sqrt(50), 2)
    assert a.minus(b).interval().high == pytest.approx(plain.minus(plain).interval().high)


def test_two_equal_runs_show_no_spread() -> None:
    assert of_runs(5.0, 5.0).minus(of_runs(6.0, 6.0)).within(-math.inf, 0.0) == "not decided"
    assert of_runs(5.0, 5.0, 5.0).minus(of_runs(6.0, 6.0, 6.0)).within(-math.inf, 0.0) == "holds"
    exact = mean_of(5.0, 0.0, 2, exact=True).minus(mean_of(6.0, 0.0, 2, exact=True))
    assert exact.within(-math.inf, 0.0) == "holds"


def test_a_bound_has_a_sampling_error_of_its_own() -> None:
    """A rival of 50, 60 and more than 200 is judged like one of 50, 60 and 200."""
    own_times = of_runs(40.0, 41.0, 42.0)
    assert own_times.minus(of_runs(50.0, 60.0, 200.0)).within(-math.inf, 0.0) == "not decided"
    assert own_times.minus(of_runs(50.0, 60.0, None, limit=200.0)).within(-math.inf, 0.0) == "not decided"


def test_runs_that_never_arrive_bound_the_mean() -> None:
    """If three runs all exceed 200, three in ten of all runs do so at 97.5 % confidence: the mean is at least 58."""
    rival = of_runs(None, None, None, limit=200.0)
    assert rival.interval().low == pytest.approx(200 * 0.025 ** (1 / 3))
    assert of_runs(40.0, 41.0, 42.0).minus(rival).within(-math.inf, 0.0) == "holds"
    assert of_runs(140.0, 141.0, 142.0).minus(rival).within(-math.inf, 0.0) == "not decided"
    assert rival.minus(of_runs(40.0, 41.0, 42.0)).within(-math.inf, 0.0) == "does not hold"


def test_a_published_mean_without_a_spread_is_exact() -> None:
    """A bound without its values has the least possible error."""
    assert Quantity(Published(5.0, None, 3, "").mean).minus(Quantity(4.9)).within(0.0, math.inf) == "holds"
    bound = Quantity.of(Summary(None, None, 3, censored=3, at_least=200.0), exact=False)
    assert bound == of_runs(None, None, None, limit=200.0)


# ---- by simulation


@pytest.mark.parametrize("how", ["difference", "quotient"])
def test_the_simulation_decides_as_the_rule_does(how: str) -> None:
    for (runs, spreads), limit in product(zip(RUNS, SPREADS, strict=False), (math.inf, 1.05)):
        a, b = (side[:60] for side in equals(runs, spreads))
        yes, no = decided(a, b - 0.2, how, limit)
        for row, (a_values, b_values) in enumerate(zip(a.tolist(), (b - 0.2).tolist(), strict=True)):
            rival = of_runs(*(None if value > limit else value for value in b_values), limit=limit)
            comparison = sure(
                of_runs(*a_values).minus(rival) if how == "difference" else of_runs(*a_values).over(rival)
            )
            status = comparison.within(-math.inf, 0.0 if how == "difference" else 1.0)
            assert (status == "holds", status == "does not hold") == (yes[row], no[row])


@pytest.mark.parametrize("spreads", SPREADS)
@pytest.mark.parametrize("runs", RUNS)
def test_a_comparison_of_equals_is_rarely_decided(runs: tuple[int, int], spreads: tuple[float, float]) -> None:
    """Two standard errors would decide 18 % at n = 2, 11 % at n = 3. Each verdict alone is wrong half as often."""
    a, b = equals(runs, spreads)
    for how in ("difference", "quotient"):
        yes, no = decided(a, b, how)
        assert np.mean(yes | no) <= MOST
        assert max(np.mean(yes), np.mean(no)) <= 0.6 * MOST


@pytest.mark.parametrize("shared", [-0.09, 0.0, 0.5])
@pytest.mark.parametrize("n", [2, 5])
def test_comparisons_of_equals_with_some_common_seeds_are_rarely_decided(n: int, shared: float) -> None:
    """Seeds affect both rows alike, not at all, or oppositely; for the last, Welch's test would decide too many."""
    rng = np.random.default_rng(n)
    common = np.sqrt(abs(shared)) * rng.standard_normal((1500, n))
    a, b = (3 + side * common + 0.1 * rng.standard_normal((1500, n)) for side in (1, math.copysign(1, shared)))
    pairs = [tuple(of_seeds(dict(enumerate(row))) for row in rows) for rows in zip(a.tolist(), b.tolist(), strict=True)]
    differences = [first.minus(second) for first, second in pairs]
    assert np.mean(
        [difference.within(0.0, math.inf) != "not decided" for difference in differences]
    ) <= 0.05 + 3 * math.sqrt(0.05 / 1500)
    if shared > 0 and n == 5:  # a difference of two of its own standard deviations, a fifth of the seeds' spread
        held = [first.minus(second).within(-0.28, math.inf) == "holds" for first, second in pairs]
        assert np.mean(held) > 0.8


@pytest.mark.parametrize("limit", [0.9, 1.05])
@pytest.mark.parametrize("spreads", SPREADS)
def test_a_rival_known_by_a_bound_is_rarely_beaten_by_its_equal(spreads: tuple[float, float], limit: float) -> None:
    for runs, how in product(RUNS, ("difference", "quotient")):
        yes, no = decided(*equals(runs, spreads), how, limit)
        assert np.mean(yes | no) <= MOST


@pytest.mark.parametrize(("places", "rivals"), [(4, 3), (12, 1)])
@pytest.mark.parametrize("spreads", SPREADS)
@pytest.mark.parametrize("n", [2, 5])
def test_a_claim_of_many_comparisons_is_rarely_wrong(
    n: int, spreads: tuple[float, float], places: int, rivals: int
) -> None:
    """Any comparison decides this claim: at LEVEL each, twelve comparisons of equals would decide 26 %."""
    level, any_decided = alone_level(places * rivals), np.zeros(COMPARISONS, bool)
    for place in range(places):
        for rival in range(rivals):
            row_seeds, _ = equals((n, n), spreads, seed=place)
            _, rival_seeds = equals((n, n), spreads, seed=100 + place * rivals + rival)
            any_decided |= decided(row_seeds, rival_seeds, "difference", level=level)[1]
    assert np.mean(any_decided) <= MOST


# ---- what was found at evaluations


def of_evaluations(values: Sequence[float], width: float = 1.0) -> Quantity:
    by_seed = dict(enumerate(values))
    return sure(Quantity.of(summary(values, resolutions=[width] * len(values)), exact=False, by_seed=by_seed))


def test_equal_epochs_are_not_certain() -> None:
    """Three runs one evaluation apart from three others may have been as quick; two evaluations apart they were not."""
    early, late, later = (of_evaluations([at] * 3) for at in (8.0, 9.0, 12.0))
    assert late.minus(early).within(0.0, math.inf) == "not decided"
    near, far = sure(late.over(early)), sure(later.over(early))
    assert near.within(1.0, math.inf) == "not decided"
    assert later.minus(early).within(0.0, math.inf) == "holds"
    assert far.within(1.0, math.inf) == "holds"


def test_a_part_of_the_seeds_keeps_the_resolution() -> None:
    doubled = of_evaluations([8.0, 9.0, 9.0]).of_seeds({1, 2}).times(2.0)
    assert (doubled.earliest.value, doubled.latest.value) == (16.0, 18.0)
    assert doubled.interval().low < 16.0


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("std", [0.3, 2.0])
def test_comparisons_of_equal_epochs_are_rarely_decided(n: int, std: float) -> None:
    rng = np.random.default_rng(n)
    decided_count = 0
    for _ in range(300):
        a, b = np.ceil(12.1 + std * rng.standard_normal((2, n))).tolist()
        difference = of_evaluations(a).minus(of_evaluations(b))
        decided_count += difference.within(0.0, math.inf) != "not decided"
    assert decided_count <= 0.05 * 300
