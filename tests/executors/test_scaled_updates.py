"""Updates scaled by a number or by their staleness, and `Lag`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.executors import registry as executors
from methods import Backward, Forward, Get, Lag, LayerVersions, Loss, NextBatch, Program, Put, Scale, Update
from methods.effects import Channel
from tests.executors.crews import carry_out
from tests.executors.crews import team_of as dry_team_of
from tests.executors.teams import RATE, backward, forward, team_of, weight


@pytest.mark.parametrize("scale", [0.0, 0.25, lambda staleness: 0.25])
def test_a_scale_multiplies_the_learning_rate(scale: Scale) -> None:
    team = team_of()
    before, gradients = weight(team).clone(), backward(team, forward(team))
    team.update(gradients, "w", 0.0, scale=scale)
    share = scale(0) if callable(scale) else scale
    torch.testing.assert_close(weight(team), before - share * RATE * gradients[1].tensors[0])
    assert team.replica.layers[0].updates == 1


def noting(stalenesses: list[int]) -> Callable[[int], float]:
    """Returns a scale of 1 that records each staleness it is called with."""

    def scale(staleness: int) -> float:
        stalenesses.append(staleness)
        return 1.0

    return scale


def test_a_scale_is_asked_for_each_layer_with_its_own_staleness() -> None:
    team, stalenesses = team_of(), list[int]()
    late, others = backward(team, forward(team)), [backward(team, forward(team)) for _ in range(2)]
    team.update(others[0], "another", 0.0)
    team.update([others[1][0]], "another", 0.0)  # the last layer alone
    team.update(late, "w", 0.0, scale=noting(stalenesses))
    assert stalenesses == [2, 1]
    assert team.accounts.staleness.updates == [1, 3]


@pytest.mark.parametrize("scale", [-1.0, math.nan, math.inf, lambda staleness: -0.5])
def test_a_scale_that_is_none(scale: Scale) -> None:
    team = team_of()
    with pytest.raises(ValueError, match="finite number of at least 0"):
        team.update(backward(team, forward(team)), "w", 0.0, scale=scale)


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_versions_then_and_now(executor: str) -> None:
    """Versions at the read and now, in the gradient's replica or another; the update's scale agrees."""
    team, met, lags, stalenesses = dry_team_of(replicas=2), Channel(), list[Any](), list[int]()
    own, other = team.replicas

    def step_of(replica: Any) -> Any:
        step = yield NextBatch(replica)
        yield Forward(replica.layers[0], step)
        yield Loss(step)
        return (yield Backward(replica.layers[0], step))

    def slow() -> Program:
        gradient = yield from step_of(own)
        yield Get(met)
        lags.append((yield Lag(gradient)))
        lags.append((yield Lag(gradient, other)))
        yield Update(gradient, scale=noting(stalenesses))

    def fast() -> Program:
        for _ in range(3):
            gradient = yield from step_of(other)
            yield Update(gradient, replica=own)
            if team.replicas[1].layers[0].updates == 0:
                yield Update(gradient)
        yield Put(met, None)

    team.accounts.steps_per_epoch = 8
    team.begin_epoch(0)
    carry_out(executor, slow(), fast(), team=team)
    first, second = lags
    assert first.now == 3
    assert second == LayerVersions(first.read, 1)
    assert stalenesses == [first.staleness]
    assert second.staleness == max(0, 1 - first.read)
