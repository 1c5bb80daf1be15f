"""Executors count effects in the same way, and continue counting after a resume."""

from __future__ import annotations

from typing import Any

import pytest

from methods import Backward, Drop, NextBatch, Snapshot, Update, Worker, backward, forward
from tests.conformance.small import STEPS, Small

LAYERS = 4
EXECUTORS = ("virtual", "threads")


def counted(program: Any, executor: str, replicas: int = 1) -> dict[str, Any]:
    """Returns the counts of an epoch with this worker, or one of it per replica."""
    training = Small(
        "bp" if replicas == 1 else "ddp", {} if replicas == 1 else {"devices": replicas}, executor=executor
    )
    training.team.begin_epoch(0)
    training.executor.run(
        [Worker(program(replica), device=replica.device, role="w") for replica in training.team.replicas]
    )
    training.team.accounts.end_epoch()
    return dict(training.team.counted_effects())


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_is_dropped_is_no_update(executor: str) -> None:
    def third(replica: Any) -> Any:
        turn = 0
        while (step := (yield NextBatch(replica))) is not None:
            yield from forward(replica, step)
            gradients = yield from backward(replica, step)
            if turn % 3 == 0:
                yield Update(*gradients)
            else:
                for gradient in gradients:
                    yield Drop(gradient)
            turn += 1

    result = counted(third, executor)
    assert result["updates"] == [3] * LAYERS  # of 7 batches
    assert (result["gradients"], result["dropped"]) == (STEPS * LAYERS, 4 * LAYERS)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_gradients_that_are_applied_at_once_are_one_update(executor: str) -> None:
    def two(replica: Any) -> Any:
        gradients: list[Any] = []
        while (step := (yield NextBatch(replica))) is not None:
            yield from forward(replica, step)
            gradients += yield from backward(replica, step)
            if len(gradients) == 2 * LAYERS or step.index == STEPS - 1:
                yield Update(*gradients)
                gradients = []

    result = counted(two, executor)
    assert result["updates"] == [4] * LAYERS
    assert result["applied"] == result["applied_batches"] == STEPS * LAYERS


@pytest.mark.parametrize("executor", EXECUTORS)
def test_pinned_weights_are_told_from_those_of_now(executor: str) -> None:
    """The first layer is pinned; between the passes every layer is updated by the batch before."""

    def late(replica: Any) -> Any:
        before: list[Any] = []
        while (step := (yield NextBatch(replica))) is not None:
            yield Snapshot(replica.layers[0], step)
            yield from forward(replica, step)
            if before:
                yield Update(*before)
            before = []
            for layer in reversed(replica.layers):
                before.append((yield Backward(layer, step)))
        yield Update(*before)

    result = counted(late, executor)
    assert (result["pinned"], result["moved"]) == (STEPS, (STEPS - 1) * (LAYERS - 1))


def test_a_run_that_goes_on_goes_on_counting() -> None:
    uninterrupted, first, second = (Small("lsgd", {"averages": "weights_and_momentum", "period": 2}) for _ in range(3))
    uninterrupted.train()
    evaluations = first.train(2)
    second.resume(first.checkpoint(evaluations, 1.0))
    second.train(1, first=2)
    assert second.team.counted_effects() == uninterrupted.team.counted_effects()
    assert uninterrupted.team.counted_effects()["state_averages"] > 0
