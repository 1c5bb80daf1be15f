"""Targets that a run may reach without learning."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from results.records.spec import Judge
from results.statistics.chance import Chance


@pytest.mark.parametrize(
    ("best", "classes", "samples", "near"),
    [
        (3.4, 100, 500, True),
        (4.0, 100, 10_000, True),
        (14.8, 100, 2000, False),
        (56.0, 2, 384, True),
        (61.0, 10, 360, False),
    ],
)
def test_a_target_at_or_near_chance_is_none(best: float, classes: int, samples: int, near: bool) -> None:
    assert Chance(classes, samples).near([best] * 3, 6) is near


def test_the_best_of_many_evaluations_is_higher_by_chance() -> None:
    assert not Chance(10, 360).near([20.0], 1)
    assert Chance(10, 360).near([20.0], 30)


@pytest.mark.parametrize(
    ("better", "bests", "near"),
    [("more", [80.0], False), ("more", [41.0, 80.0], True), ("less", [41.0, 8.0], True), ("less", [35.0], False)],
)
def test_a_judge_that_knows_its_chance_is_asked(
    better: Literal["more", "less"], bests: list[float], near: bool
) -> None:
    judge = Judge(metric="metric", title="metric", unit="", better=better, chance=40.0)
    assert Chance(0, 500, judge).near(bests, 6) is near


@pytest.mark.parametrize("n", [1, 5])
def test_runs_that_learn_next_to_nothing_rarely_set_a_target(n: int) -> None:
    rng = np.random.default_rng(n)
    guessing = Chance(100, 500)
    hits = rng.binomial(500, guessing.near_percent / 100, (1000, n, 6)).max(2)
    at_chance = [guessing.near((100 * best_hits / 500).tolist(), 6) for best_hits in hits]
    assert at_chance.count(False) <= 0.06 * len(at_chance)
