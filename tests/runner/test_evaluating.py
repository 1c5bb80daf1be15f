"""When a run is evaluated: accepted and refused intervals, and what still counts in epochs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.runner.evaluation_history import EvaluationHistory
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.workloads.workload import workload
from results.records.evaluating import epoch_number, evaluated_at, evaluations_until
from results.records.spec import ACCURACY, Judge


@pytest.mark.parametrize(
    ("given", "kept"),
    [("2.0", 2), (" 1/4 ", 0.25), ("1/3", 1 / 3), ("0.333333", 1 / 3), (0.5, 0.5)],
)
def test_accepted_intervals_are_parsed(given: Any, kept: float) -> None:
    """It is parsed to a fraction, and written in JSON as the number that journals always had."""
    work = workload("cifar10", "resnet18", "smoke", {"evaluate_every": given})
    recorded = work.model_dump(mode="json")["evaluate_every"]
    assert (recorded, type(recorded)) == (kept, type(kept))
    assert work.evaluate_every == Fraction(kept).limit_denominator(100)


@pytest.mark.parametrize("given", ["0", "0.3", "1.5", "1/0", "often", "nan", "1e-400"])
def test_what_is_refused_is_said_in_one_sentence(given: str) -> None:
    with pytest.raises(UserError, match=r"workload.evaluate_every=.*: give a whole number of epochs, or 1/k") as caught:
        workload("cifar10", "resnet18", "smoke", {"evaluate_every": given})
    assert "\n" not in str(caught.value)


def specs(**changes: Any) -> list[Any]:
    return [run.spec for run in resolve(table("table3"), Choices(seeds=(0,), networks=("resnet18",), **changes)).runs]


def test_the_default_is_no_part_of_a_run() -> None:
    every = specs(settings={"workload": {"evaluate_every": "1"}})
    assert every == specs()
    assert "evaluate_every" not in every[0].workload.document()
    changed = specs(settings={"workload": {"evaluate_every": "1/2"}})
    assert [spec.workload.document()["evaluate_every"] for spec in changed] == [0.5] * len(every)


def test_no_more_often_than_a_device_has_batches() -> None:
    with pytest.raises(UserError, match=r"evaluate_every=1/40: an epoch of \w+ has \d+ batches on each device"):
        specs(settings={"workload": {"evaluate_every": "1/40"}})


@pytest.mark.parametrize(("every", "stops_after"), [(Fraction(1), 3), (Fraction(1, 2), 5), (Fraction(2), 2)])
def test_patience_counts_epochs(every: Fraction, stops_after: int) -> None:
    """Two epochs bring no better accuracy than the first evaluation."""
    history = EvaluationHistory(epochs=10, patience=2, monitor=ACCURACY, every=every)
    while history.goes_on:
        history.evaluations.append({"accuracy_percent": 50.0, "train_loss": 1.0, "loss": 1.0})
    assert history.stopped_early
    assert len(history.evaluations) == stops_after
    assert history.done == history.at(1) + 2


def test_the_last_epoch_is_evaluated() -> None:
    at = [evaluated_at(number, Fraction(2), 5) for number in (1, 2, 3)]
    assert at == [2, 4, 5]
    assert [evaluations_until(Fraction(done), Fraction(2), 5) for done in range(6)] == [0, 0, 1, 1, 2, 3]
    assert [type(epoch_number(epoch)) for epoch in (Fraction(2), Fraction(5, 2))] == [int, float]


def test_a_loss_that_falls_is_better() -> None:
    judge = Judge(metric="loss", title="loss", unit="nats", better="less")
    history = EvaluationHistory(epochs=10, patience=2, monitor=judge)
    for loss in (3.0, 2.0, 2.5):
        history.evaluations.append({"train_loss": 1.0, "loss": loss})
        assert history.goes_on
    history.evaluations.append({"train_loss": 1.0, "loss": 2.1})
    assert history.stopped_early
