"""Shards of the data: on every executor each device gets its own batches, even if devices share a replica."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.executors.errors import WorkerFailed
from benchmarks.executors.team import SimulatedTeam
from methods import Channel, Close, Get, NextBatch, Program, Put, Replica
from tests.conformance.small import Small, bits
from tests.executors.crews import EXECUTORS, carry_out, program
from tests.executors.recorded import record, replay
from tests.executors.teams import network, team_of
from tests.runner.chains import check_chain, small

SHARDS: dict[str, Any] = {"shards.alpha": 2.0, "batch": 2, "epochs": 2}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_workers_of_one_replica_get_their_own_devices_batches(executor: str) -> None:
    requested: list[int] = []
    team = team_of(network(), steps=6, shards=2)
    team.batches = lambda epoch, index: (requested.append(index), team_batches(epoch, index))[1]  # type: ignore[func-returns-value]

    def worker(replica: Replica, own: Channel, other: Channel, turns: int) -> Program:
        for _ in range(turns):
            yield Get(own)
            yield NextBatch(replica, shared=True)
            yield Put(other, None)
        yield Close(other)

    def first(replica: Replica, own: Channel, other: Channel) -> Program:
        for _ in range(3):
            yield NextBatch(replica, shared=True)
        yield Put(other, None)
        yield from worker(replica, own, other, 1)

    team_batches = team_of().batches
    turn_0, turn_1 = Channel(None), Channel(None)
    carry_out(executor, first(team.replica, turn_0, turn_1), worker(team.replica, turn_1, turn_0, 2), team=team)
    assert requested == [0, 2, 4, 1, 6, 3]  # device 0 has batches 0, 2, 4, ..., device 1 has 1, 3, 5, ...


def test_a_device_without_a_shard_is_told() -> None:
    team = team_of(network(), steps=6, shards=2)
    with pytest.raises(WorkerFailed, match="device 2 asks for a batch"):
        carry_out("virtual", program(NextBatch(team.replica, shared=True)), team=team, devices=(2,))


def test_shards_are_the_same_on_every_executor() -> None:
    result = set()
    for executor in ("virtual", "threads"):
        training = Small("ddp", {"devices": 2}, executor=executor, settings=SHARDS)
        training.train(2)
        result.add(bits(training.team))
    plain = Small("ddp", {"devices": 2}, settings={"batch": 2, "epochs": 2})
    plain.train(2)
    assert len(result) == 1
    assert bits(plain.team) not in result


@pytest.mark.parametrize("method", ["asgd", "lapsgd"])
def test_a_run_with_shards_goes_on_within_an_epoch(method: str, tmp_path: Path) -> None:
    options = {"shares": "dynamic"} if method == "lapsgd" else {}
    check_chain(tmp_path, small(method, options, settings={**SHARDS, "drain_every": 9}))


def test_a_recorded_run_with_shards_is_replayed() -> None:
    settings = {**SHARDS, "epochs": 3}
    parts, expected = record("asgd", settings=settings)
    assert replay("asgd", parts, settings=settings) == expected


def test_one_device_has_all_data() -> None:
    assert Small("bp", settings=SHARDS).team.accounts.shards == 1
    assert SimulatedTeam.of([("a", 1)], steps_per_epoch=2).accounts.shards == 1
