"""On a device with streams, every method orders all reads and writes of the same memory (happens-before)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

import methods
from benchmarks.executors.accounting import Staleness
from benchmarks.executors.numerics import streams, weights
from benchmarks.executors.numerics import team as numerics
from benchmarks.executors.numerics.streams import Access, BatchStream, Order
from tests.executors.happens_before import FakeDevice
from tests.executors.teams import IMAGES, LABELS, backward, forward, team_of
from tests.executors.traced import Traced

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in methods.names()),
    ("async_lu", {"weights": "forward"}),
    ("async_lu", {"updates": "overwrite"}),
    ("async_lu", {"momentum": "per_updater", "forward_workers": 2, "queue": 2}),
]


@pytest.mark.parametrize(("method", "options"), VARIANTS, ids=str)
def test_all_accesses_to_the_same_memory_are_ordered(method: str, options: dict[str, Any]) -> None:
    run = Traced(method, options).through()
    assert not run.wrong
    assert run.fake.pairs_of(run.weights()) > 0
    assert run.traced.ahead <= streams.AHEAD


def test_momentum_is_ordered_too() -> None:
    run = Traced("async_lu").through()
    assert not run.wrong
    assert run.fake.pairs_of(run.momentum()) > 0


# ---- each of the waits is needed


class NoWait(Access):
    def __enter__(self) -> None:
        self.order.mutex.__enter__()


class NoEvent(Access):
    def __exit__(self, *exc: Any) -> None:
        self.order.mutex.__exit__(*exc)


mean_gradients = weights.mean_gradients
MUTATIONS: dict[str, tuple[Any, str, Any, str, dict[str, Any]]] = {
    "a read does not wait": (Order, "reading", lambda order: NoWait(order, writes=False), "bp", {}),
    "a read leaves no event": (Order, "reading", lambda order: NoEvent(order, writes=False), "async_lu", {}),
    "a write does not wait": (Order, "writing", lambda order: NoWait(order, writes=True), "async_lu", {}),
    "a write leaves no event": (Order, "writing", lambda order: NoEvent(order, writes=True), "lapsgd", {}),
    "a mean does not wait": (weights, "mean_gradients", lambda gs, _: mean_gradients(gs, None), "ddp", {}),
    "a mean keeps nothing": (FakeDevice, "keep", lambda device, tensor: None, "ddp", {}),
    "the host does not wait": (FakeDevice, "synchronize", FakeDevice.finish, "bp", {}),
    "lock_free": (streams, "AHEAD", streams.AHEAD, "async_lu", {"lock_free": True}),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_is_left_out_is_found(mutation: str) -> None:
    where, name, instead, method, options = MUTATIONS[mutation]
    with patch.object(where, name, instead):
        assert Traced(method, options).through().wrong


# ---- what is not ordered, and how far it runs


@pytest.fixture
def fake() -> Iterator[FakeDevice]:
    device = FakeDevice()
    with patch.object(numerics, "streams_of", lambda _: device):
        yield device


def launch(device: FakeDevice, stream: int, access: AbstractContextManager[Any]) -> None:
    device.use(stream)
    with access:
        device.access([], [], [torch.empty(1)])
    device.use(0)


def test_readers_wait_for_the_writer_and_not_for_each_other() -> None:
    device = FakeDevice()
    writer, first_reader, second_reader = (device.stream() for _ in range(3))
    order = Order(device, torch.no_grad())
    launch(device, writer, order.writing())
    launch(device, first_reader, order.reading())
    launch(device, second_reader, order.reading())
    assert device.clocks[second_reader] == {writer: 1, second_reader: 1}
    launch(device, writer, order.writing())
    assert device.clocks[writer] == {writer: 2, first_reader: 1, second_reader: 1}


def test_two_batches_are_not_ordered_where_nothing_is_written(fake: FakeDevice) -> None:
    team = team_of(streams=True)
    steps = [forward(team), forward(team)]
    backward(team, steps[0])
    assert [step.stream.stream for step in steps if isinstance(step.stream, BatchStream)] == [1, 2]
    assert [fake.clocks[1].get(2, 0), fake.clocks[2].get(1, 0)] == [0, 0]


def test_a_batch_is_loaded_on_its_own_stream(fake: FakeDevice) -> None:
    team, stream_ids = team_of(streams=True), list[int]()

    def batch(epoch: int, index: int) -> tuple[Tensor, Tensor]:
        stream_ids.append(fake.current())
        return IMAGES, LABELS

    team.batches = batch
    steps = [team.next_batch(team.replica) for _ in range(2)]
    assert stream_ids == [1, 2]
    assert fake.current() == 0
    assert len(steps) == len(team.replica.slots)


# ---- staleness


def test_staleness_in_seconds_is_that_of_the_device() -> None:
    device, staleness = FakeDevice(), Staleness(["only"])
    read, ready, now = (device.event(timed=True) for _ in range(3))
    device.access([], [], [torch.empty(1)])
    late = device.event(timed=True)
    staleness.note(0, 1, read=read, ready=ready, now=now)
    staleness.note(0, 1, read=read, ready=ready, now=late)
    with pytest.raises(RuntimeError, match="device not ready"):
        staleness.per_layer()
    device.synchronize()
    (layer,) = staleness.per_layer()
    assert layer["seconds"] == pytest.approx((2 + 4) / 2 / 1000)
    assert layer["wait_seconds"] == pytest.approx((1 + 3) / 2 / 1000)
    assert staleness.per_layer() == [layer]
