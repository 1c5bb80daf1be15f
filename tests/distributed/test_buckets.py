"""Layers' gradients that are sent together: which, how often, and that nobody waits for what does not come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from benchmarks.executors.distributed import buckets, cross_device
from benchmarks.executors.distributed.buckets import BucketReduction, split_into_buckets
from benchmarks.executors.distributed.cross_device import cross_device_channels
from benchmarks.executors.distributed.transport import Task, Transport
from benchmarks.executors.errors import WorkerFailed
from benchmarks.executors.numerics.team import TorchTeam
from methods import AllReduce, Group, NextBatch, Program, Replica, Team, Update, Worker, backward, forward
from methods.ddp import DDP
from tests.conformance.small import Small, bits
from tests.distributed.led import led

Trainer = Callable[[Replica, Group], Program]
LOOKED_AT = 2
"""Steps that show the order, here: an epoch has three of a device."""


def layer_by_layer(replica: Replica, everyone: Group) -> Program:
    """Each mean is used before the next gradient is brought: nothing can be sent together."""
    while (step := (yield NextBatch(replica))) is not None:
        yield from forward(replica, step)
        for gradient in (yield from backward(replica, step)):
            yield Update((yield AllReduce(everyone, replica, gradient)))


def turning(replica: Replica, everyone: Group) -> Program:
    """In one order first, and in another one later."""
    count = 0
    while (step := (yield NextBatch(replica))) is not None:
        yield from forward(replica, step)
        gradients, means = (yield from backward(replica, step)), []
        for gradient in gradients if count < LOOKED_AT else reversed(gradients):
            means.append((yield AllReduce(everyone, replica, gradient)))
        yield Update(*means)
        count += 1


def trained_by(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """DDP, by other workers."""

    def workers(self: DDP, team: Team) -> Iterable[Worker]:
        everyone = Group(members=len(team.replicas), name="all-reduce")
        return [Worker(trainer(one, everyone), device=one.device, role="trainer") for one in team.replicas]

    monkeypatch.setattr(DDP, "workers", workers)


def rounds(training: Small) -> dict[str, list[int]]:
    found = cross_device_channels(training.method.workers, training.team).rounds
    return {name: list(layers) for name, layers in found.items()}


def test_a_bucket_ends_with_the_layer_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    layers: list[Any] = list(reversed(Small("ddp").team.replicas[0].layers))
    sizes = [4 * layer.size for layer in layers]
    monkeypatch.setattr(buckets, "FIRST_BYTES", sizes[0] + 1)
    monkeypatch.setattr(buckets, "BYTES", sizes[2])
    assert [[layer.name for layer in one] for one in split_into_buckets(layers)] == [
        ["head", "pool"],
        ["block"],
        ["stem"],
    ]


@pytest.mark.parametrize(("devices", "limits"), [(2, (1, 1)), (3, (1, 2**20)), (2, (2**20, 1))])
def test_what_is_sent_together_changes_no_bit(
    limits: tuple[int, int], devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, give = list[int](), Transport.send_rows

    def noted(self: Transport, tag: int, *rest: Any) -> Task:
        given.append(tag)
        return give(self, tag, *rest)

    monkeypatch.setattr(Transport, "send_rows", noted)
    monkeypatch.setattr(buckets, "FIRST_BYTES", limits[0])
    monkeypatch.setattr(buckets, "BYTES", limits[1])
    alone = Small("ddp", {"devices": devices})
    alone.epoch(0)
    with led("ddp", {"devices": devices}) as training:
        training.epoch(0)
        assert bits(training.team) == bits(alone.team)
    messages = {(1, 1): 4, (1, 2**20): 2, (2**20, 1): 1}[limits]
    assert len(given) == messages * training.team.steps_per_epoch


def noted_awaits(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """Lists of what each rank does, which its waits for buckets are appended to; each layer is a bucket."""
    noted: dict[int, list[str]] = {0: [], 1: []}
    wait_for_means = BucketReduction.wait_for_means

    def awaiting(self: BucketReduction) -> None:
        if not self.complete:
            noted[self.bucket.transport.rank].append("is awaited")
        wait_for_means(self)

    monkeypatch.setattr(BucketReduction, "wait_for_means", awaiting)
    monkeypatch.setattr(buckets, "FIRST_BYTES", 1)
    monkeypatch.setattr(buckets, "BYTES", 1)
    return noted


def check_steps(noted: dict[int, list[str]], step: list[str]) -> None:
    """In an epoch of DDP, each rank does the same over and over."""
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
    assert noted[0] == noted[1] == step * (len(noted[0]) // len(step)) != []


def test_no_bucket_is_awaited_before_all_of_its_round_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    noted, give = noted_awaits(monkeypatch), Transport.send_rows

    def leaving(self: Transport, tag: int, *rest: Any) -> Task:
        noted[self.rank].append("leaves")
        return give(self, tag, *rest)

    monkeypatch.setattr(Transport, "send_rows", leaving)
    check_steps(noted, ["leaves"] * 4 + ["is awaited"] * 4)


def test_what_came_is_applied_while_the_last_bucket_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    noted, update = noted_awaits(monkeypatch), TorchTeam.update_layer

    def updating(self: TorchTeam, layer: Any, *rest: Any) -> None:
        noted[layer.device].append("is updated")
        update(self, layer, *rest)

    monkeypatch.setattr(TorchTeam, "update_layer", updating)
    check_steps(noted, ["is awaited"] * 3 + ["is updated"] * 3 + ["is awaited", "is updated"])


def test_layers_come_round_after_round() -> None:
    assert rounds(Small("ddp")) == {"all-reduce": [3, 2, 1, 0]}
    assert rounds(Small("mbsgd")) == {"all-reduce": [3, 2, 1, 0]}
    assert rounds(Small("lapsgd")) == {}


def test_whoever_uses_each_mean_at_once_waits_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    trained_by(layer_by_layer, monkeypatch)
    alone = Small("ddp", {"devices": 2})
    assert rounds(alone) == {}
    alone.epoch(0)
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
        assert bits(training.team) == bits(alone.team)


def test_another_order_than_at_first_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    trained_by(turning, monkeypatch)
    monkeypatch.setattr(cross_device, "STEPS", LOOKED_AT)
    said = "all-reduce was brought stem in another order than in its first steps"
    with led("ddp", {"devices": 2}) as training, pytest.raises(WorkerFailed, match=said):
        training.epoch(0)
