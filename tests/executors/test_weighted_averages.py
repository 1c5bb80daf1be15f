"""Averages whose members have weights: their values, equal on every executor."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks.executors.errors import WorkerFailed
from methods import Average, Group
from tests.conformance.small import Small, bits
from tests.distributed.led import led
from tests.executors.crews import EXECUTORS, carry_out, program
from tests.executors.recorded import record, replay
from tests.executors.teams import network, team_of, weight


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_average_with_weights(executor: str) -> None:
    """(1 x 1 + 3 x 5) / 4 = 4; with one member its weight has no effect."""
    team, group = team_of(network(), network()), Group(2)
    for replica, value in zip(team.replicas, (1.0, 5.0), strict=True):
        replica.layers[0].params[0].data.fill_(value)
    programs = [
        program(Average(group, replica, weight=w)) for replica, w in zip(team.replicas, (1.0, 3.0), strict=True)
    ]
    carry_out(executor, *programs, team=team)
    assert {float(weight(team, 0, q).mean()) for q in (0, 1)} == {4.0}


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf])
def test_weights_that_are_none(value: float) -> None:
    team = team_of()
    with pytest.raises(WorkerFailed, match="a finite number above 0"):
        carry_out("virtual", program(Average(Group(1), team.replica, weight=value)), team=team)


def weighing(monkeypatch: pytest.MonkeyPatch, *weights: float) -> None:
    """Gives L-SGD's averages these weights, device by device."""

    def average(group: Group, replica: Any, state: bool = False) -> Average:
        return Average(group, replica, state=state, weight=weights[replica.index])

    monkeypatch.setattr("methods.lsgd.Average", average)


def test_weights_of_1_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, weighed = (Small("lsgd", {"devices": 3, "period": 1}) for _ in range(2))
    plain.train(1)
    weighing(monkeypatch, 1.0, 1.0, 1.0)
    weighed.train(1)
    assert bits(weighed.team) == bits(plain.team)


def test_weights_are_the_same_to_the_last_bit_on_every_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, 1.0, 3.0)
    options = {"devices": 2, "period": 1, "bn_buffers": "per_device"}
    alone = Small("lsgd", options)
    alone.train()
    parts, outcome = record("lsgd", options)
    assert replay("lsgd", parts, options) == outcome
    with led("lsgd", options) as ranks:
        ranks.train()
        assert bits(ranks.team) == bits(alone.team)
