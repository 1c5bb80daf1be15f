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
    made = Small(method, executor=executor, settings={"evaluate_every": every})
    record = sure(Chain(out, lambda: (made, made.spec)).part(ends_after=None))
    return record, made


def test_all_samples_are_used_and_all_evaluations_made(representative: str, executor: str, tmp_path: Path) -> None:
    """Evaluates in every second epoch; test_resuming.py evaluates every method within epochs."""
    record, made = run(tmp_path, representative, executor, 2)
    check_evaluations(record, made, at=[2, 3])  # the last one is always evaluated


def check_evaluations(record: Record, made: Small, at: Sequence[float]) -> None:
    """Checks that evaluations within an epoch do not split it. at: the epochs of the evaluations."""
    replicas, epochs = made.method.trained_replicas, int(at[-1])
    steps = STEPS - STEPS % replicas
    assert sorted(made.batches_used) == [(epoch, index) for epoch in range(epochs) for index in range(steps)]
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
    (one, plain), (other, drained) = (run(tmp_path / str(n), "bp", "virtual", n) for n in (1, every))
    ours, theirs = (by_epoch(record) for record in (one, other))
    both = ours.keys() & theirs.keys()
    assert both == ({1, 2, 3} if every < 1 else {2, 3})
    for epoch in both:
        assert bits(ours[epoch]) == bits(theirs[epoch])
        assert ours[epoch]["virtual_seconds"] == pytest.approx(theirs[epoch]["virtual_seconds"])
    assert all(torch.equal(a, b) for a, b in zip(weights(plain.team), weights(drained.team), strict=True))


def by_epoch(record: Record) -> dict[float, Any]:
    return {point.epoch: point.metrics for point in record.evaluations}


def bits(metrics: dict[str, float]) -> dict[str, float]:
    """Returns the metrics of an evaluation that do not depend on a clock."""
    return {name: value for name, value in metrics.items() if not name.endswith("_seconds")}
