"""The virtual clock: the seconds of transfers, updates and collectives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.executors.accounting import Step
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Activations, Price
from methods import (
    AllReduce,
    Backward,
    Channel,
    Forward,
    Get,
    Group,
    NextBatch,
    Program,
    Put,
    Update,
    Worker,
)
from tests.executors.clocks import ONE, run
from tests.executors.crews import crew, program, team_of


def test_a_transfer_is_the_getters_time() -> None:
    """A latency and four bytes to another device, nothing within one; the giver does not wait."""
    price = replace(ONE, latency_seconds=0.5, bytes_per_second=8.0)
    for devices, expected in (((0, 1), 1.0), ((0, 0), 0.0)):
        times, channel = dict[str, float](), Channel(capacity=0)
        executor = VirtualExecutor(team_of(), price)

        def puts(channel: Channel = channel, times: Any = times, executor: Any = executor) -> Program:
            yield Put(channel, "a loss")
            times["put"] = executor.now

        def gets(channel: Channel = channel, times: Any = times, executor: Any = executor) -> Program:
            assert (yield Get(channel)) == "a loss"
            times["got"] = executor.now

        executor.run(crew(puts(), gets(), devices=devices))
        assert times == {"put": 0.0, "got": expected}


def passed_on(team: SimulatedTeam) -> Step:
    """Returns a batch after its first layer's forward pass."""
    step = Step(team.replica, 0)
    team.forward(team.replica.layers[0], step, 0.0)
    return step


def asking_after(
    team: SimulatedTeam, price: Price, channel: Channel, *puts: Put, devices: tuple[int, int]
) -> list[float]:
    """Returns when a worker that computes one forward pass and then asks receives each item."""
    times, executor = list[float](), VirtualExecutor(team, price)

    def gets() -> Program:
        yield Forward(team.replica.layers[0], (yield NextBatch(team.replica)))
        for _ in puts:
            yield Get(channel)
            times.append(executor.now)

    executor.run(crew(program(*puts), gets(), devices=devices))
    return times


@pytest.mark.parametrize(("computing", "arrival"), [(0.25, 1.0), (3.0, 3.0)])
def test_a_transfer_starts_when_it_is_sent(computing: float, arrival: float) -> None:
    """With latency 0.5 and 4 bytes at 8 bytes/s it lasts from 0 to 1, whenever the getter asks."""
    channel, price = Channel(capacity=None), Price([computing], [0.0], [0.0], [0.0], 0.5, 8.0)
    assert asking_after(team_of(), price, channel, Put(channel, "a loss"), devices=(0, 1)) == [arrival]


@pytest.mark.parametrize(("capacity", "arrivals"), [(0, [4, 5, 6]), (1, [3, 4, 4]), (2, [3, 3, 4])])
def test_a_put_that_waits_for_room_sends_when_there_is_room(capacity: int, arrivals: list[float]) -> None:
    """The getter asks at 3, and again after each item; a transfer takes 1.

    Capacity 1: taking the first item, sent at 0, makes room for the second at 3. The getter asks for that at once and
    has it at 4. Its place has been free for the third since 3.
    """
    channel, price = Channel(capacity=capacity), Price([3.0], [0.0], [0.0], [0.0], 0.5, 8.0)
    assert asking_after(team_of(), price, channel, *[Put(channel, "a loss")] * 3, devices=(0, 1)) == arrivals


def test_a_batch_is_sent_with_its_activations() -> None:
    """4 bytes of the loss and 28 of two layers' activations, at 8 bytes/s; a text has no activations."""
    channel, team = Channel(capacity=None), team_of()
    price = Price([0.25], [0.0], [0.0], [0.0], 0.5, 8.0, activations=Activations([8.0, 20.0], [12.0, 4.0]))
    for item, size in ((passed_on(team), 32), ("a word", 4)):
        assert asking_after(team, price, channel, Put(channel, item), devices=(0, 1)) == [0.5 + size / 8]


def test_stages_send_the_output_between_them() -> None:
    """The output of the first of two layers, and its gradient on the way back: 12 and 4 bytes at 8 bytes/s."""
    team, down, up = team_of(layers=2, steps=1), Channel(capacity=None), Channel(capacity=None)
    free = [0.0, 0.0]
    price = Price(free, free, free, free, 0.5, 8.0, activations=Activations([80.0, 200.0], [12.0, 4.0]))
    parts = [[layer] for layer in team.replica.layers]
    step = passed_on(team)
    first = Worker(program(Put(down, step), Get(up)), device=0, role="stage", index=0, holds=parts[0])
    last = Worker(program(Get(down), Put(up, step)), device=1, role="stage", index=1, holds=parts[1])
    executor = VirtualExecutor(team, price)
    executor.run([first, last])
    assert executor.now == 2 * (0.5 + 16 / 8)


def test_an_update_of_the_workers_own_replica_pays_for_no_transfer() -> None:
    """The channel has charged the gradient's transfer; updating the other device's replica costs another one."""
    for q, transfer in ((1, 0.0), (0, 0.5 + 40 / 8)):
        team, channel = team_of(replicas=2, steps=2), Channel(capacity=None)
        price = Price([1.0], [1.0], [1.0], [40.0], 0.5, 8.0, 0.25, 160.0)

        def sends(team: Any = team, channel: Channel = channel) -> Program:
            step = yield NextBatch(team.replica)
            yield Forward(team.replica.layers[0], step)
            yield Put(channel, (yield Backward(team.replica.layers[0], step)))

        def applies(team: Any = team, channel: Channel = channel, q: int = q) -> Program:
            yield Update((yield Get(channel)), replica=team.replicas[q])

        local = 0.25 + 40 / 160
        assert run(team, price, sends(), applies()).now == pytest.approx(3 + (0.5 + 40 / 8) + local + transfer)
        assert [replica.layers[0].updates for replica in team.replicas] == [1 - q, q]


@pytest.mark.parametrize(("device", "transfer"), [(0, 0.0), (1, 1 + 30 / 10)])
def test_an_update_is_one_launch_and_a_transfer_if_it_comes_from_afar(device: int, transfer: float) -> None:
    team = team_of(layers=3, steps=1)
    price = Price([1.0] * 3, [1.0] * 3, [1.0] * 3, [10.0] * 3, 1.0, 10.0, 0.25, 100.0)

    def trains() -> Program:
        step = yield NextBatch(team.replica)
        for layer in team.replica.layers:
            yield Forward(layer, step)
        gradients = []
        for layer in reversed(team.replica.layers):
            gradients.append((yield Backward(layer, step)))
        yield Update(*gradients)

    executor = run(team, price, trains(), devices=(device,))
    assert executor.now == pytest.approx(9 + 0.25 + 30 / 100 + transfer)


@pytest.mark.parametrize("members", [1, 2, 4])
def test_a_ring_all_reduce_starts_with_the_last_arrival(members: int) -> None:
    """It takes 2 (Q - 1) latencies, and 2 (Q - 1) / Q of the bytes."""
    team, group = team_of(replicas=members, steps=members), Group(members)
    price = Price([1.0], [1.0], [1.0], [24.0], latency_seconds=0.5, bytes_per_second=8.0)

    def member(q: int) -> Program:
        replica = team.replicas[q]
        step = yield NextBatch(replica)
        for _ in range(q + 1):  # the last takes longest
            yield Forward(replica.layers[0], step)
        gradient = yield Backward(replica.layers[0], step)
        yield AllReduce(group, replica, gradient)

    expected = (members + 2) + 2 * (members - 1) * 0.5 + 2 * (members - 1) / members * 24 / 8
    assert run(team, price, *(member(q) for q in range(members))).now == pytest.approx(expected)
