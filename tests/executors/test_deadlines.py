"""Deadlines and the time: exact on the virtual clock, on threads, and in a replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.executors.distributed.watch import RankMonitor
from benchmarks.executors.errors import ScheduleMismatch, Stalled
from benchmarks.executors.replay.executor import ReplayExecutor
from benchmarks.executors.threads.executor import ThreadsExecutor
from benchmarks.executors.threads.monitor import Wait, WorkerTurn
from benchmarks.executors.threads.recorder import RecordingExecutor
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import LATE, Channel, Close, Forward, Get, NextBatch, Now, Program, Put
from tests.conformance.small import bounded
from tests.executors.crews import EXECUTORS, carry_out, crew, program, team_of
from tests.executors.teams import summands

ONE = Price.uniform(1, 1.0, 0.0)  # a forward pass is a second
LINK = replace(ONE, latency_seconds=0.5)


def passes(team: Any, count: int, *effects: Any) -> Program:
    """Runs this many forward passes, and then yields these effects."""
    for _ in range(count):
        step = yield NextBatch(team.replica)
        yield Forward(team.replica.layers[0], step)
    yield from program(*effects)


def gets(channel: Channel, *deadlines: float | None, into: list[Any]) -> Program:
    """Records the value of each Get, and when it came."""
    for deadline in deadlines:
        into.append((yield Get(channel, deadline)))
        into.append((yield Now()))


def virtual(*programs: Program, price: Price = ONE, team: Any = None, runs: VirtualExecutor | None = None) -> Any:
    executor = runs or VirtualExecutor(team or team_of(), price)
    executor.run(crew(*programs))
    return executor


def test_nothing_by_the_deadline_is_late() -> None:
    team, channel, received = team_of(), Channel(None), list[Any]()
    virtual(gets(channel, 0.5, 0.75, 9.0, into=received), passes(team, 1, Put(channel, "it")), team=team)
    assert received == [LATE, 0.5, LATE, 0.75, "it", 1.0]


@pytest.mark.parametrize("first", ["getter", "putter"])
def test_an_arrival_exactly_at_the_deadline_counts(first: str) -> None:
    """It counts even if the deadline was scheduled first, or the sender was woken at that moment."""
    team, (channel, relayed), received = team_of(), (Channel(None), Channel(None)), list[Any]()

    def relays() -> Program:
        yield Put(relayed, (yield Get(channel)))

    crew_of = [gets(relayed, 1.0, into=received), passes(team, 1, Put(channel, "it")), relays()]
    virtual(*(crew_of if first == "getter" else reversed(crew_of)), team=team)
    assert received == ["it", 1.0]


def test_what_is_on_its_way_at_the_deadline_stays_first() -> None:
    """Both items are sent at 0 and take half a second; the second one stays behind the first."""
    channel, received = Channel(None), list[Any]()
    executor = virtual(
        gets(channel, 0.25, 0.5, None, into=received), program(Put(channel, "a"), Put(channel, "b")), price=LINK
    )
    assert received == [LATE, 0.25, "a", 0.5, "b", 0.5]
    assert executor.now == 0.5


@pytest.mark.parametrize("capacity", [0, 1, None])
@pytest.mark.parametrize("price", [LINK, replace(LINK, queues=True)], ids=["at once", "queues"])
def test_whatever_waits_first_and_whatever_the_room(capacity: int | None, price: Price) -> None:
    """An item sent at 1 arrives at 1.5, whoever asks in between."""
    team, channel, received = team_of(), Channel(capacity), list[Any]()
    virtual(
        gets(channel, 0.5, 1.25, 1.4, 1.5, into=received), passes(team, 1, Put(channel, "a")), team=team, price=price
    )
    assert received == [LATE, 0.5, LATE, 1.25, LATE, 1.4, "a", 1.5]


def test_one_without_a_deadline_takes_what_is_too_late_for_another() -> None:
    team, channel, with_deadline, without_deadline = team_of(), Channel(None), list[Any](), list[Any]()
    sender = passes(team, 1, Put(channel, "a"), Put(channel, "b"))
    virtual(
        gets(channel, 1.25, 9.0, into=with_deadline),
        gets(channel, None, into=without_deadline),
        sender,
        team=team,
        price=LINK,
    )
    assert (with_deadline, without_deadline) == ([LATE, 1.25, "b", 1.5], ["a", 1.5])


def test_a_deadline_that_nobody_needs_takes_no_time() -> None:
    team, channel, received = team_of(), Channel(None), list[Any]()
    waits = gets(channel, 50.0, 60.0, into=received)
    executor = virtual(waits, passes(team, 1, Put(channel, "a"), Close(channel)), team=team)
    assert received == ["a", 1.0, None, 1.0]
    assert executor.now == 1.0


def test_the_clock_goes_on_over_runs() -> None:
    """`Now` and deadlines continue from one call of `run` to the next; a deadline in the past takes what is there."""
    team, received = team_of(steps=8), list[Any]()
    executor = virtual(passes(team, 2), team=team)
    channel = Channel(None)
    virtual(gets(channel, 3.0, 0.0, into=received), passes(team, 1, Put(channel, "a")), runs=executor)
    assert received == ["a", 3.0, LATE, 3.0]
    executor.resume(7.0)
    virtual(gets(channel, 7.5, into=received), runs=executor)
    assert received[-2:] == [LATE, 7.5]


# ---- every executor


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_late_closed_and_in_time(executor: str) -> None:
    """An item that is there is taken whatever the deadline; a wait with a deadline is no deadlock."""
    channel, ready, received = Channel(None), Channel(None), list[Any]()

    def asks() -> Program:
        received.append((yield Get(channel, 0.0)))
        began = yield Now()
        received.append((yield Get(channel, began + 0.01)))
        received.append((yield Now()) >= began + 0.01)
        yield Put(ready, None)
        received.append((yield Get(channel)))
        received.append((yield Get(channel, began + 1000.0)))

    def answers() -> Program:
        yield Get(ready)
        yield Put(channel, "it")
        yield Close(channel)

    carry_out(executor, asks(), answers())
    assert received == [LATE, LATE, True, "it", None]


def test_who_waits_without_a_deadline_still_stalls(executor: str) -> None:
    channel = Channel(None, name="what nobody sends")
    with pytest.raises(Stalled, match="what nobody sends"):
        carry_out(executor, program(Get(channel, 0.01), Get(channel)))


# ---- threads, ranks and replays


def test_a_worker_at_work_gives_its_thread_to_one_whose_deadline_is_past() -> None:
    """With one thread, the other worker continues until the deadline is noticed."""
    team, channel, late = team_of(), Channel(None), list[Any]()

    def works() -> Program:
        while not late:
            yield Now()

    executor = ThreadsExecutor(team, pool_size=1)
    bounded(lambda: executor.run(crew(program(Get(channel, 0.01), into=late), works())))
    assert late == [LATE]


def test_real_time_goes_on_where_it_was() -> None:
    threads, times = ThreadsExecutor(team_of()), list[Any]()
    threads.resume(100.0)
    for _ in range(2):
        threads.run(crew(program(Now(), into=times)))
    assert 100.0 <= times[0] <= times[1] < 160.0


def test_a_rank_that_waits_until_a_deadline_is_not_idle() -> None:
    turn = WorkerTurn(crew(program())[0])
    monitor = RankMonitor([turn], lambda error: None)
    monitor.leave(turn, Wait("it", lambda: False, lambda: None, deadline=1e9))
    assert monitor.idle() is None


def recorded() -> Iterator[Any]:
    """Yields the list of all that a worker receives, then that worker and one that sends to it."""
    channel = Channel(None)
    results: list[Any] = []

    def asks() -> Program:
        for deadline in (0.0, 0.01, None, 0.0, None):
            results.append((yield Get(channel, deadline)))
        results.append((yield Now()))

    yield results
    yield crew(asks(), program(Now(), Put(channel, 1), Put(channel, 2), Close(channel)))


def test_a_replay_gives_what_the_run_had() -> None:
    run = RecordingExecutor(summands(2.0, steps=1))
    results, workers = recorded()
    bounded(lambda: run.run(workers))
    replayer = ReplayExecutor(summands(2.0, steps=1))
    parts = run.take_schedule()
    replayer.follow(parts)
    replayed, workers = recorded()
    replayer.run(workers)
    assert replayed == results
    next(iter(parts[0].values())).numbers[-1] = 2**70
    replayer.follow(parts)
    _, workers = recorded()
    with pytest.raises(ScheduleMismatch, match="is no time"):
        replayer.run(workers)
