"""Tuning may reverse a pair of rows; all pairs are summed up together."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benchmarks.papers.claims.quantities import Quantity
from benchmarks.tables.definition import Row
from benchmarks.views.tuning.order import Contrast, RowPair, level_of, verdict
from results.measures import MEASURES
from results.statistics import summary
from tests.sure import sure


def pair(before: bool | None, now: bool | None) -> RowPair:
    """Async LU and DDP; whether the first is better at the published rates, and each at its best."""
    published, tuned = (Contrast(Quantity(1.0), first_is_better) for first_is_better in (before, now))
    return RowPair("resnet18", MEASURES["best_accuracy_percent"], Row("async_lu"), Row("ddp"), published, tuned)


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (True, True, "as before"),
        (True, False, "turned round"),
        (False, True, "turned round"),
        (True, None, "no longer decided"),
        (None, False, "decided by tuning"),
        (None, None, "not decided"),
    ],
)
def test_what_tuning_does_to_a_pair(before: bool | None, now: bool | None, kind: str) -> None:
    assert pair(before, now).kind == kind


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([pair(True, False), pair(True, None)], "tuning turns the order round: DDP before Async LU (1 turned round, 1"),
        ([pair(False, True)], "Async LU before DDP"),
        ([pair(True, True), pair(True, None)], "no pair is turned round, but not all that was decided stays so"),
        ([pair(True, True), pair(None, True)], "stays as it was (1 decided by tuning, 1 as before)"),
        ([pair(None, True), pair(None, None)], "no pair is decided at the published rates"),
    ],
)
def test_what_is_said_of_all_pairs(found: list[RowPair], words: str) -> None:
    assert words in verdict(found, "published")


@pytest.mark.parametrize("n", [3, 5])
def test_of_several_pairs_of_equals_any_is_rarely_decided(n: int) -> None:
    """Six pairs of four rows, whose every word would be reported; each at 95 % one in six would be wrong."""
    rng = np.random.default_rng(n)
    alone = together = 0
    for _ in range(300):
        rows = [_row(values) for values in rng.standard_normal((4, n)).tolist()]
        differences = [a.minus(b) for a, b in itertools.combinations(rows, 2)]
        level = level_of(differences)
        alone += any(difference.within(0.0, math.inf) != "not decided" for difference in differences)
        together += any(difference.within(0.0, math.inf, level) != "not decided" for difference in differences)
    assert level == pytest.approx(1 - 0.05 / 6)
    assert together <= 0.05 * 300 < alone


def _row(values: list[float]) -> Quantity:
    return sure(Quantity.of(summary(values), exact=False, by_seed=dict(enumerate(values))))
