"""What tuning does to a pair of rows, and what is said of all pairs together."""

from __future__ import annotations

import pytest

from benchmarks.papers.claims.quantities import Quantity
from benchmarks.tables.definition import Row
from benchmarks.views.tuning.order import Contrast, RowPair, verdict
from results.measures import MEASURES


def pair(before: bool | None, now: bool | None) -> RowPair:
    """Async LU and DDP; whether the first is better at the published rates, and each at its best."""
    one, other = (Contrast(Quantity(1.0), first_is_better) for first_is_better in (before, now))
    return RowPair("resnet18", MEASURES["best_accuracy_percent"], Row("async_lu"), Row("ddp"), one, other)


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
    assert words in verdict(found)


def test_the_ends_of_what_is_not_known_are_open() -> None:
    assert Contrast(Quantity(2.0, open_below=True, open_above=True), None).ends == (float("-inf"), float("inf"))
    assert Contrast(Quantity(2.0), True).ends == (2.0, 2.0)
