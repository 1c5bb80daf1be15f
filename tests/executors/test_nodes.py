"""The virtual clock with several nodes: links, queued messages, and the seconds counted per device."""

from __future__ import annotations

from dataclasses import replace

import pytest

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.spans import DELAY, Span
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Link, Nodes, Price
from methods import AllReduce, Backward, Channel, Forward, Get, Group, NextBatch, Program, Put
from tests.executors.clocks import ONE
from tests.executors.crews import crew, program

LINKS = replace(ONE, latency_seconds=0.5, bytes_per_second=8.0)  # a loss of four bytes takes 0.5 + 0.5
APART = replace(LINKS, nodes=Nodes(2, latency_seconds=2.0, bytes_per_second=1.0))  # 2 + 4 between nodes
NOBODY = SimulatedTeam.of([("only", 1)], steps_per_epoch=1)


def received(price: Price, getter: int, *givers: int) -> list[float]:
    """Returns when each item, sent at 0, reaches a getter that asked before."""
    times, channel = list[float](), Channel(capacity=None)
    executor = VirtualExecutor(NOBODY, price)

    def gets() -> Program:
        for _ in givers:
            yield Get(channel)
            times.append(executor.now)

    puts = [program(Put(channel, "a loss")) for _ in givers]
    executor.run(crew(gets(), *puts, devices=(getter, *givers)))
    return times


def test_a_message_between_nodes_takes_their_link() -> None:
    assert received(APART, 0, 1) == received(LINKS, 0, 1) == [1.0]
    assert received(APART, 0, 2) == [6.0]


def test_messages_that_queue_arrive_one_after_the_other() -> None:
    """All are sent at the same time and received one at a time; items from the same device are not sent."""
    assert received(LINKS, 0, 1, 1, 1) == [1.0, 1.0, 1.0]
    assert received(replace(LINKS, queues=True), 0, 1, 1, 1) == [1.0, 1.5, 2.0]
    assert received(replace(APART, queues=True), 0, 2, 3, 4) == [6.0, 10.0, 14.0]
    assert received(replace(LINKS, queues=True), 0, 0, 0) == [0.0, 0.0]


def test_messages_that_queue_wait_for_those_of_their_pair_of_nodes() -> None:
    """Two nodes send 4 bytes each to a third, over separate links of 1 and 2 bytes/s."""
    near = Link(0.0, 8.0)
    price = replace(ONE, nodes=Nodes(2, pairs=[[near, near, near], [Link(2.0, 1.0), near, near], [Link(0.0, 2.0)] * 3]))
    assert received(price, 0, 2, 3, 4, 5) == [6.0, 6.0, 6.0, 6.0]  # the getter takes them in the order of the channel
    assert received(replace(price, queues=True), 0, 2, 3) == [6.0, 10.0]
    assert received(replace(price, queues=True), 0, 4, 5) == [2.0, 4.0]
    assert received(replace(price, queues=True), 0, 2, 4, 3) == [6.0, 6.0, 10.0]


def test_an_all_reduce_counts_the_nodes_of_its_members() -> None:
    """Devices 0 and 1 share a node; devices 1 and 2 do not."""
    price = replace(APART, parameter_bytes=[16.0])
    seconds = {}
    for devices in ((0, 1), (1, 2)):
        team = SimulatedTeam.of([("only", 1)], replicas=2, steps_per_epoch=2)
        group = Group(members=2)

        def reduces(replica: int, team: SimulatedTeam = team, group: Group = group) -> Program:
            own_replica = team.replicas[replica]
            step = yield NextBatch(own_replica)
            yield Forward(own_replica.layers[0], step)
            yield AllReduce(group, own_replica, (yield Backward(own_replica.layers[0], step)))

        executor = VirtualExecutor(team, price)
        executor.run(crew(reduces(0), reduces(1), devices=devices))
        seconds[devices] = executor.now - 3.0
    assert seconds == {(0, 1): price.all_reduce([0], range(2)), (1, 2): price.all_reduce([0], [1, 2])}
    assert seconds[1, 2] > seconds[0, 1]


@pytest.mark.parametrize(("name", "lanes"), [("bp", 1), ("ddp", 2), ("lapsgd", 2), ("pdasgd", 1), ("async_lu", 2)])
def test_devices_count_the_seconds_of_spans(name: str, lanes: int) -> None:
    """Busy seconds are those covered by its workers' spans, lost seconds those of delays."""
    price = Price([0.1, 0.2], [0.1, 0.2], [0.1, 0.3], [1e3, 2e3], 1e-3, 1e6, lanes=lanes)
    price = replace(price, delays=(Delay(kind="constant", device=0, steps=0.5),))
    method = methods.create(name, {"devices": 3} if name not in ("bp", "async_lu") else {})
    team = SimulatedTeam.of([("a", 1), ("b", 1)], replicas=method.replicas, steps_per_epoch=12)
    spans: list[Span] = []
    executor = VirtualExecutor(team, price, listen=spans.append)
    executor.run(method.workers(team))
    on_devices = [span for span in spans if span.effect not in ("AllReduce", "Average")]
    for number, device in executor.devices.items():
        intervals = [(span.start, span.end) for span in on_devices if span.device == number]
        lost = sum(span.seconds for span in on_devices if (span.device, span.effect) == (number, DELAY))
        assert device.busy_seconds == pytest.approx(covered(intervals))
        assert device.lost_seconds == pytest.approx(lost)
    assert executor.devices[0].lost_seconds > 0


def covered(intervals: list[tuple[float, float]]) -> float:
    """Returns the seconds that at least one of the intervals covers."""
    total = end = 0.0
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
