"""Layers' gradients that are sent together: which, how often, and that nobody waits for what does not come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from benchmarks.executors.distributed import collectives, cross_device
from benchmarks.executors.distributed.collectives import Reduction, split_into_buckets
from benchmarks.executors.distributed.cross_device import cross_device_channels
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
        return [Worker(trainer(replica, everyone), device=replica.device, role="trainer") for replica in team.replicas]

    monkeypatch.setattr(DDP, "workers", workers)


def rounds(training: Small) -> dict[str, list[int]]:
    channel_rounds = cross_device_channels(training.method.workers, training.team).rounds
    return {name: list(layers) for name, layers in channel_rounds.items()}


def test_a_bucket_ends_with_the_layer_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    layers: list[Any] = list(reversed(Small("ddp").team.replicas[0].layers))
    sizes = [4 * layer.size for layer in layers]
    monkeypatch.setattr(collectives, "FIRST_BYTES", sizes[0] + 1)
    monkeypatch.setattr(collectives, "BYTES", sizes[2])
    assert [[layer.name for layer in bucket] for bucket in split_into_buckets(layers)] == [
        ["head", "pool"],
        ["block"],
        ["stem"],
    ]


@pytest.fixture
def bucket_per_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collectives, "FIRST_BYTES", 1)
    monkeypatch.setattr(collectives, "BYTES", 1)


def recorded_steps(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Small]:
    """Runs an epoch of DDP on two ranks -> what rank 0 did with buckets and layers, in order."""
    steps, send, wait, update = list[str](), Reduction.send, Reduction.wait, TorchTeam.update_layer

    def sending(self: Reduction, *args: Any) -> None:
        if self.transport.rank == 0:
            steps.append("sent")
        send(self, *args)

    def waiting(self: Reduction) -> None:
        if self.transport.rank == 0 and not self.complete:
            steps.append("awaited")
        wait(self)

    def updating(self: TorchTeam, layer: Any, *args: Any) -> None:
        if layer.device == 0:
            steps.append("updated")
        update(self, layer, *args)

    monkeypatch.setattr(Reduction, "send", sending)
    monkeypatch.setattr(Reduction, "wait", waiting)
    monkeypatch.setattr(TorchTeam, "update_layer", updating)
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
    return steps, training


def check_bits(training: Small) -> None:
    alone = Small("ddp", {"devices": 2})
    alone.epoch(0)
    assert bits(training.team) == bits(alone.team)


@pytest.mark.usefixtures("bucket_per_layer")
def test_means_are_applied_as_they_come_once_all_buckets_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, training = recorded_steps(monkeypatch)
    assert steps == (["sent"] * 4 + ["awaited", "updated"] * 4) * (len(steps) // 12)
    check_bits(training)


def test_layers_are_sent_together(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, training = recorded_steps(monkeypatch)
    assert steps == ["sent", "awaited", *["updated"] * 4] * (len(steps) // 6)
    check_bits(training)


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
    message = "all-reduce was brought stem in another order than in its first steps"
    with led("ddp", {"devices": 2}) as training, pytest.raises(WorkerFailed, match=message):
        training.epoch(0)
