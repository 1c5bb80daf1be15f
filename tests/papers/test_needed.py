"""Undecided claims need seeds (by hand and by simulation), missing runs, or none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.papers.claims.needed import MOST, POWER, need
from benchmarks.papers.claims.quantities import Quantity
from benchmarks.papers.claims.rules import Outcome, Points, best_of
from benchmarks.papers.claims.verdicts import Claim, Verdict
from results.statistics import Summary
from results.statistics.inference import chance_beyond
from results.statistics.intervals import LEVEL
from tests.papers.evidence import Fake
from tests.papers.simulated import COMPARISONS, decided
from tests.sure import sure

BEST, TTA = "best_accuracy_percent", "time_to_target_seconds"


def of(mean: float, std: float, n: int = 3) -> Quantity:
    return sure(Quantity.of(Summary(mean, std, n), exact=False))


def seeds(quantity: Quantity, low: float, high: float, level: float = LEVEL) -> int | None:
    return need([Outcome.of("g", "t", quantity, low, high)], ["t"], level, any_of=False).seeds


def judge(evidence: Fake, points: Points, *, any_of: bool = False) -> Verdict:
    return Claim("x", "LU is higher", "a paper", ("table2",), points, any_of=any_of).evaluate(evidence)


def higher(*values: tuple[str, float, float | None, int]) -> Verdict:
    evidence = Fake({("table2", "resnet18", row, BEST): Summary(mean, std, n) for row, mean, std, n in values})
    return judge(evidence, best_of([("table2", "resnet18")], "async_lu", ("async_bu",), BEST))


# ---- seeds


def test_the_chance_is_the_noncentral_ts() -> None:
    """A bound at the mean gives half of the error rate; a distant bound, or no error, certainty."""
    assert chance_beyond(1e-9, 1.0, 2) == pytest.approx(0.025, abs=1e-6)
    assert chance_beyond(1.96 + 0.8416, 1.0, 1e6) == pytest.approx(0.8, abs=1e-4)
    assert chance_beyond(1e9, 1.0, 2) == pytest.approx(1.0)
    assert (chance_beyond(1.0, 0.0, 2), chance_beyond(-1.0, 1.0, 2)) == (1.0, 0.0)


@pytest.mark.parametrize("spreads", [(1.0, 1.0), (1.0, 0.1)])
@pytest.mark.parametrize("effect", [3.0, 2.0, 1.0, 0.5])
def test_the_stated_seeds_decide_and_fewer_do_not(effect: float, spreads: tuple[float, float]) -> None:
    """Applies the rule to simulated runs with this difference and spread."""
    n = sure(seeds(of(effect, spreads[0], 2).minus(of(0.0, spreads[1], 2)), 0.0, math.inf))

    def share(n: int) -> float:
        rng = np.random.default_rng(n)
        a, b = (spread * rng.standard_normal((COMPARISONS // 4, n)) for spread in spreads)
        return float(np.mean(decided(a + effect, b, "difference")[1]))

    assert share(n) >= POWER - 0.02
    assert n <= 3 or share(n - 3 if n > 5 else n - 2) < POWER


def test_a_quotient_and_its_inverse_need_as_many_seeds() -> None:
    a, b = of(10.0, 1.0), of(9.0, 1.0)
    assert seeds(sure(a.over(b)), 1.0, math.inf) == seeds(sure(b.over(a)), 0.0, 1.0) == 18


def test_needs_that_no_seeds_meet_are_stated() -> None:
    assert seeds(of(0.01, 1.0), 0.0, math.inf) is None
    verdict = higher(("async_lu", 90.01, 1.0, 3), ("async_bu", 90.0, 1.0, 3))
    assert verdict.need.description.startswith(f"more than {MOST} seeds")


def test_a_verdict_says_its_effect_and_its_seeds() -> None:
    verdict = higher(("async_lu", 91.0, 1.0, 3), ("async_bu", 90.0, 1.0, 3))
    assert (verdict.status, verdict.need.description) == ("not decided", f"{verdict.need.seeds} seeds of every row")
    assert verdict.effect is not None
    assert verdict.effect.description == "+1 points [-1.27, 3.27], n = 3, claimed above 0"
    verdict = higher(("async_lu", 93.7, 0.2, 3), ("async_bu", 92.7, 0.2, 3))
    assert (verdict.status, verdict.need.description, verdict.need.seeds) == ("holds", "", None)


def test_comparisons_that_must_all_hold_need_more_seeds() -> None:
    """Twelve equal comparisons need more seeds than one: their probabilities of failing add up."""
    single = [Outcome.of("g", "t", of(1.0, 1.0), 0.0, math.inf)]
    alone, all_ = (need(single * count, ["t"], LEVEL, any_of=False).seeds for count in (1, 12))
    assert alone is not None
    assert all_ is not None
    assert all_ > alone
    fails = Outcome.of("g", "t", of(-1.0, 1.0), 0.0, math.inf)
    assert need([*single * 12, fails], ["t"], LEVEL, any_of=False).seeds == alone, "one that fails is enough"
    assert need([fails] * 12 + single, ["t"], LEVEL, any_of=True).seeds == alone, "of 'up to' one that holds"


# ---- what no number of seeds decides


def test_what_was_not_run_is_to_be_run() -> None:
    assert judge(Fake(), best_of([("table2", "resnet18")], "a", ("b",), BEST)).need.description == (
        "runs of table2: there are none"
    )
    evidence = Fake(
        {("table2", "resnet18", row, BEST): Summary(mean, 0.1, 3) for row, mean in (("a", 9.0), ("b", 8.0))}
    )
    words = judge(evidence, best_of([("table2", "resnet18")], "a", ("b", "c"), BEST)).need.description
    assert words == "runs that are missing: table2 resnet18 c"


def test_one_seed_shows_nothing_to_compute_from() -> None:
    verdict = higher(("async_lu", 91.0, None, 1), ("async_bu", 90.0, None, 1))
    assert verdict.need.description == "3 seeds or more: a single seed shows no spread"
    verdict = higher(("async_lu", 91.0, 0.0, 2), ("async_bu", 90.0, 0.2, 2))
    assert verdict.need.description == "3 seeds or more: two seeds that are equal show no spread"


def test_runs_that_diverge_or_end_early() -> None:
    rows = {
        ("table1", "resnet18", "async_bu", TTA): Summary(100.0, 2.0, 3),
        ("table1", "resnet18", "lapsgd", TTA): Summary(None, None, 3, censored=2, at_least=90.0, at_least_std=10.0),
    }
    points = best_of([("table1", "resnet18")], "lapsgd", ("async_bu",), TTA, lowest=True)
    assert judge(Fake(rows), points).need.description.startswith("longer runs")
    gone = {("table1", "resnet18", "lapsgd"): 2}
    assert judge(Fake(rows, gone=gone), points).need.description == (
        "no number of seeds while runs diverge (2 of 3 runs of lapsgd diverged)"
    )


def test_an_effect_below_the_resolution_needs_finer_evaluations() -> None:
    """No number of seeds resolves a difference within one evaluation interval."""
    a, b = (Quantity.of(Summary(mean, 0.3, 3, resolution=1.0), exact=False) for mean in (9.5, 9.0))
    assert a is not None
    assert b is not None
    point = Outcome.of("", "", a.minus(b), 0.0, math.inf)
    assert point.status == "not decided"
    needed = need([point], ("table1",), LEVEL, any_of=False)
    assert needed.seeds is None
    assert "--evaluate-every" in needed.description
