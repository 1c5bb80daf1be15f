"""The sequential test keeps its error rate whenever one stops, and stops earlier than a fixed number of seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import t

from results.statistics import sequential
from results.statistics.sequential import FIRST, LAST

EXPERIMENTS = 3000
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
EQUAL: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "skewed scores": lambda rng, shape: rng.exponential(size=shape) - rng.exponential(size=shape),
    "tied": lambda rng, shape: np.round(rng.standard_normal(shape)),
}
"""Distributions of differences between equal rows: they are symmetric."""


def stops(differences: np.ndarray) -> list[int | None]:
    return [sequential.decided_at(row) for row in differences.tolist()]


@pytest.mark.parametrize("kind", EQUAL)
def test_equal_rows_are_rarely_told_apart_whenever_one_stops(kind: str) -> None:
    """At most 5 %, within three standard errors of the simulation."""
    stopped_at = stops(EQUAL[kind](np.random.default_rng(3), (EXPERIMENTS, LAST)))
    false_alarms = sum(n is not None for n in stopped_at) / EXPERIMENTS
    assert false_alarms <= 0.05 + 3 * (0.05 * 0.95 / EXPERIMENTS) ** 0.5


@pytest.mark.parametrize(("effect", "least_power"), [(1.0, 0.78), (1.2, 0.9), (1.5, 0.97)])
def test_a_difference_takes_fewer_seeds_than_a_fixed_design_of_the_same_power(
    effect: float, least_power: float
) -> None:
    """At most 0.8 of them; the effect is in standard deviations of a difference."""
    rng = np.random.default_rng(4)
    looks = [seeds_spent(row) for row in (rng.standard_normal((EXPERIMENTS, LAST)) + effect).tolist()]
    power = sum(decided for _, decided in looks) / EXPERIMENTS
    seeds = sum(n for n, _ in looks) / EXPERIMENTS
    fixed = next(n for n in range(2, 40) if fixed_power(rng, effect, n) >= power)
    assert power > least_power
    assert seeds <= 0.8 * fixed


def test_equal_rows_are_given_up_long_before_the_last_seed() -> None:
    rng = np.random.default_rng(5)
    looks = [seeds_spent(row) for row in rng.standard_normal((EXPERIMENTS, LAST)).tolist()]
    assert sum(n for n, _ in looks) / EXPERIMENTS < 8


def seeds_spent(differences: list[float]) -> tuple[int, bool]:
    """Returns the seeds after which a pair gets no more, and whether it was decided."""
    for n in range(FIRST, LAST + 1):
        if sequential.decided_at(differences[:n]) is not None:
            return n, True
        if sequential.given_up(differences[:n]):
            return n, False
    return LAST, False


def fixed_power(rng: np.random.Generator, effect: float, n: int) -> float:
    values = rng.standard_normal((20_000, n)) + effect
    statistic = values.mean(1) / (values.std(1, ddof=1) / n**0.5)
    return float((abs(statistic) > t.isf(0.025, n - 1)).mean())


def test_nothing_is_decided_before_the_first_look_or_after_the_last() -> None:
    differences = [5.0, 5.1, 4.9, 5.0, *[5.05, 4.95] * 6]
    assert sequential.interval(differences[: FIRST - 1]) is None
    assert sequential.interval(differences) is None
    assert sequential.decided_at(differences) == FIRST


def test_seeds_to_decide_are_those_at_which_the_seen_spread_does() -> None:
    values = [1.0, 3.0, 2.0, 0.2, 2.4]
    assert sequential.decided_at(values) is None
    seeds = sequential.seeds_to_decide(values)
    assert seeds is not None
    assert FIRST < seeds <= LAST
    assert sequential.seeds_to_decide([-1.0, 1.0, -1.1, 1.2]) is None
