"""Evaluations within epochs, or in every second epoch only, leave epochs as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from results.records import Record
from tests.conformance.small import STEPS, Small, weights
from tests.runner.chains import Chain, check_chain, small
from tests.sure import sure

EVERY = [0.5, 2]


def run(out: Path, method: str, executor: str, every: float) -> tuple[Record, Small]:
    """Returns the record of a whole run, and its training."""
    training = Small(method, executor=executor, settings={"evaluate_every": every})
    record = sure(Chain(out, lambda: (training, training.spec)).part(ends_after=None))
    return record, training


def test_all_samples_are_used_and_all_evaluations_made(representative: str, executor: str, tmp_path: Path) -> None:
    """Evaluates in every second epoch; test_resuming.py evaluates every method within epochs."""
    record, training = run(tmp_path, representative, executor, 2)
    check_evaluations(record, training, at=[2, 3])  # the last one is always evaluated


def check_evaluations(record: Record, training: Small, at: Sequence[float]) -> None:
    """Checks that evaluations within an epoch do not split it. at: the epochs of the evaluations."""
    replicas, epochs = training.method.trained_replicas, int(at[-1])
    steps = STEPS - STEPS % replicas
    assert sorted(training.batches_used) == [(epoch, index) for epoch in range(epochs) for index in range(steps)]
    assert [point.epoch for point in record.evaluations] == at
    within = math.ceil(steps // replicas / 2) * replicas
    assert [point.step for point in record.evaluations] == [
        int(epoch) * steps + within * (epoch % 1 > 0) for epoch in at
    ]
    assert record.end is not None
    assert (record.status, record.end["epochs"]) == ("finished", epochs)
    assert all(math.isfinite(value) for point in record.evaluations for value in point.metrics.values())
    seconds = [point.metrics[record.clock] for point in record.evaluations]
    assert seconds == sorted(set(seconds))


@pytest.mark.parametrize("every", EVERY)
def test_resumed_at_drains_between_evaluations(every: float, tmp_path: Path) -> None:
    """A drain without an evaluation also writes a checkpoint, and evaluations stay at their epochs."""
    settings = {"evaluate_every": every, "drain_every": 3}
    check_chain(tmp_path, small("lapsgd", {"updaters": 2}, settings=settings))


@pytest.mark.parametrize("every", [*EVERY, 1 / STEPS])
def test_whole_epochs_of_backpropagation_are_the_same_to_the_last_bit(every: float, tmp_path: Path) -> None:
    """At its drains no batch is in progress, so none changes it; sums of simulated seconds differ by rounding."""
    (plain_record, plain), (drained_record, drained) = (run(tmp_path / str(n), "bp", "virtual", n) for n in (1, every))
    plain_values, drained_values = (by_epoch(record) for record in (plain_record, drained_record))
    common = plain_values.keys() & drained_values.keys()
    assert common == ({1, 2, 3} if every < 1 else {2, 3})
    for epoch in common:
        assert bits(plain_values[epoch]) == bits(drained_values[epoch])
        assert plain_values[epoch]["virtual_seconds"] == pytest.approx(drained_values[epoch]["virtual_seconds"])
    assert all(torch.equal(a, b) for a, b in zip(weights(plain.team), weights(drained.team), strict=True))


def by_epoch(record: Record) -> dict[float, Any]:
    return {point.epoch: point.metrics for point in record.evaluations}


def bits(metrics: dict[str, float]) -> dict[str, float]:
    """Returns the metrics of an evaluation that do not depend on a clock."""
    return {name: value for name, value in metrics.items() if not name.endswith("_seconds")}
