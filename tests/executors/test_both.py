"""Channels, counters and collectives: the same semantics on every executor."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.executors import registry as executors
from benchmarks.executors.accounting import Gradient
from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import CHECKOUT, Stalled, WorkerFailed
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.threads.monitor import Stopped
from benchmarks.hardware.price import Price
from methods import (
    AllReduce,
    Average,
    Await,
    Backward,
    Channel,
    Close,
    Count,
    Counter,
    Forward,
    Get,
    Group,
    NextBatch,
    Program,
    Put,
    Update,
)
from tests.conformance.small import bounded
from tests.executors.crews import EXECUTORS, carry_out, crew, program, team_of


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# ---- channels


@pytest.mark.parametrize("capacity", [0, 3])
def test_a_put_waits_for_room(executor: str, capacity: int) -> None:
    """Without a getter, the channel's capacity is the number of puts that pass."""
    channel, passed = Channel(capacity=capacity, name="losses"), list[Any]()
    with pytest.raises(Stalled, match=r"w 0 on device 0 waits for room in losses \(\S+crews\.py:\d+\)$"):
        carry_out(executor, program(*[Put(channel, i) for i in range(10)], into=passed))
    assert len(passed) == capacity


@pytest.mark.parametrize("capacity", [0, 3, None])
def test_items_come_in_order(executor: str, capacity: int | None) -> None:
    channel, received = Channel(capacity=capacity), list[Any]()
    puts = program(*[Put(channel, i) for i in range(20)], Close(channel))
    carry_out(executor, program(*[Get(channel)] * 22, into=received), puts)
    assert received == [*range(20), None, None]


def test_a_get_waits_for_an_item(executor: str) -> None:
    """The error names all waiting workers, in any order."""
    losses = Channel(name="losses")
    with pytest.raises(Stalled) as caught:
        carry_out(executor, program(Get(losses)), program(Get(losses)))
    for worker in ("w 0 on device 0", "w 1 on device 1"):
        assert f"{worker} waits for losses" in str(caught.value)


def test_a_channel_ends_with_its_last_producer(executor: str) -> None:
    channel, received = Channel(capacity=None, producers=2), list[Any]()
    carry_out(
        executor,
        program(Put(channel, "a"), Close(channel)),
        program(Put(channel, "b"), Close(channel)),
        program(*[Get(channel)] * 3, into=received),
    )
    assert sorted(received[:2]) == ["a", "b"]
    assert received[2] is None


@pytest.fixture
def restless() -> Iterator[None]:
    """Makes threads switch every few instructions."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_nothing_is_lost_or_doubled(executor: str, restless: None) -> None:
    """Several producers and consumers use one channel, then all meet and count."""
    for seed in range(8):
        exchange(executor, random.Random(seed))


def exchange(executor: str, draw: random.Random) -> None:
    producers, consumers, items = draw.randint(1, 4), draw.randint(1, 4), draw.randint(0, 15)
    channel = Channel(capacity=draw.choice([0, 0, 1, 2, None]), producers=producers)
    counter, received, counts = Counter(producers=consumers), list[Any](), list[Any]()

    def produce(p: int) -> Program:
        for i in range(items):
            yield Put(channel, (p, i))
        yield Close(channel)

    def consume() -> Program:
        while (item := (yield Get(channel))) is not None:
            received.append(item)
            counts.append((yield Count(counter)))
        yield Close(counter)

    last = list[Any]()
    workers = [*(produce(p) for p in range(producers)), *(consume() for _ in range(consumers))]
    draw.shuffle(workers)
    carry_out(executor, *workers, program(Await(counter, producers * items + 1), into=last))
    assert sorted(received) == [(p, i) for p in range(producers) for i in range(items)]
    assert sorted(counts) == list(range(producers * items))
    assert last == [producers * items]


# ---- counters


def test_awaiting_a_count(executor: str) -> None:
    counter, received = Counter(), list[Any]()
    carry_out(executor, program(Await(counter, 2), into=received), program(Count(counter), Count(counter)))
    assert received == [2]


def test_awaiting_ends_with_the_counters_producers(executor: str) -> None:
    counter, received = Counter(producers=2), list[Any]()
    carry_out(
        executor,
        program(Await(counter, 9), into=received),
        program(Count(counter), Close(counter)),
        program(Count(counter), Close(counter)),
    )
    assert received == [2]
    assert counter.ended


def test_a_value_says_whether_its_counter_had_ended_and_does_not_change_with_it(executor: str) -> None:
    """The counter itself may change before the method looks at it."""
    counter, seen, received = Counter(), Channel(), list[Any]()
    carry_out(
        executor,
        program(Await(counter, 1), Put(seen, "seen"), Await(counter, 2), into=received),
        program(Count(counter), Get(seen), Close(counter)),
    )
    assert counter.ended
    assert [(received[0], received[0].ended), (received[2], received[2].ended)] == [(1, False), (1, True)]


# ---- batches and updates


def test_shared_batches_go_to_whoever_asks(executor: str) -> None:
    team, received = team_of(replicas=2, steps=4), list[Any]()

    def takes_all() -> Program:
        while (step := (yield NextBatch(team.replica, shared=True))) is not None:
            received.append(step.index)

    carry_out(executor, takes_all(), team=team)
    assert received == [0, 1, 2, 3]


def test_an_update_of_another_replica(executor: str) -> None:
    team = team_of(replicas=2, steps=2)

    def trains() -> Program:
        layer = team.replica.layers[0]
        step = yield NextBatch(team.replica)
        yield Forward(layer, step)
        yield Update((yield Backward(layer, step)), replica=team.replicas[1])

    carry_out(executor, trains(), team=team)
    assert [replica.layers[0].updates for replica in team.replicas] == [0, 1]


# ---- collectives


class Summing(SimulatedTeam):
    """A team that records which members meet."""

    met: list[list[int]]

    def mean_gradients(self, gradients: Sequence[Gradient]) -> Sequence[Gradient]:
        self.met.append([gradient.layer.device for gradient in gradients])
        return super().mean_gradients(gradients)


def summing(replicas: int, steps: int) -> Summing:
    like = team_of(replicas=replicas, steps=steps)
    team = Summing(like.replicas, steps_per_epoch=steps, epochs=1)
    team.met = []
    return team


def test_members_meet_in_the_order_of_the_replicas(executor: str) -> None:
    """The order of arrival does not matter, in any round."""
    team, group = summing(3, 12), Group(3)

    def member(q: int) -> Program:
        replica = team.replicas[q]
        while (step := (yield NextBatch(replica))) is not None:
            yield Forward(replica.layers[0], step)
            gradient = yield Backward(replica.layers[0], step)
            mean = yield AllReduce(group, replica, gradient)
            assert mean.layer is replica.layers[0]

    carry_out(executor, member(2), member(0), member(1), team=team)
    assert team.met == [[0, 1, 2]] * 4


def test_a_collective_that_fails_fails_a_member(executor: str) -> None:
    class Broken(SimulatedTeam):
        def mean_gradients(self, gradients: Sequence[Gradient]) -> Sequence[Gradient]:
            raise MemoryError("out of memory")

    team, group = Broken(team_of(replicas=2).replicas, steps_per_epoch=2, epochs=1), Group(2)

    def member(q: int) -> Program:
        layer = team.replicas[q].layers[0]
        step = yield NextBatch(team.replicas[q])
        yield Forward(layer, step)
        yield AllReduce(group, team.replicas[q], (yield Backward(layer, step)))

    with pytest.raises(WorkerFailed, match="out of memory"):
        carry_out(executor, member(0), member(1), team=team)


def test_a_member_that_stays_away(executor: str) -> None:
    team, group = team_of(replicas=2), Group(2, name="averagers")
    with pytest.raises(Stalled, match="w 0 on device 0 waits for the other members of averagers"):
        carry_out(executor, program(Average(group, team.replicas[0])), team=team)


def test_averagers_leave_together(executor: str) -> None:
    """They leave only after a round in which all of them said `last`."""
    team, group = team_of(replicas=2), Group(2)
    first, second = list[Any](), list[Any]()

    def averages(replica: int, *lasts: bool, into: list[Any]) -> Program:
        return program(*[Average(group, team.replicas[replica], last) for last in lasts], into=into)

    carry_out(
        executor, averages(0, True, False, True, into=first), averages(1, False, True, True, into=second), team=team
    )
    assert first == second == [False, False, True]
    assert {layer.averages for replica in team.replicas for layer in replica.layers} == {3}
    assert {layer.updates for replica in team.replicas for layer in replica.layers} == {0}


# ---- failing


def failing() -> Program:
    yield Count(Counter())
    raise KeyError("lost")


def test_a_failure_ends_those_who_wait(executor: str) -> None:
    with pytest.raises(WorkerFailed, match="Worker 'w 1 on device 1' failed: KeyError: 'lost'") as caught:
        carry_out(executor, program(Get(Channel())), failing(), program(Await(Counter(), 1)))
    assert isinstance(caught.value.__cause__, KeyError)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("error", [Unspeakable(), Stopped(), SystemExit(0)])
def test_every_end_but_that_of_the_program_is_a_failure(executor: str, error: BaseException) -> None:
    """Errors without a text, errors by which executors end workers, and one that ends a process."""

    def fails() -> Program:
        yield Count(Counter())
        raise error

    with pytest.raises(WorkerFailed) as caught:
        carry_out(executor, program(Get(Channel())), fails())
    assert caught.value.worker == "w 1 on device 1"
    assert caught.value.__cause__ is error
    assert f"Worker 'w 1 on device 1' failed: {type(error).__name__}" in str(caught.value)


def line_of(text: str) -> str:
    """Returns "file:line" of the line of this file that ends with the text, as an error names it."""
    (number,) = (i for i, line in enumerate(Path(__file__).read_text().splitlines(), 1) if line.endswith(text))
    return f"{Path(__file__).relative_to(CHECKOUT)}:{number}"


def raises() -> Program:
    yield Count(Counter())
    int("not a number")  # raised here


def asks_for_nonsense() -> Program:
    yield from nonsense()


def nonsense() -> Program:
    yield "nonsense"  # type: ignore[misc]  # asked for here


def misuses() -> Program:
    yield Update(None)  # type: ignore[arg-type]  # misused here


def forgets() -> Program:
    yield Get(Channel(name="what nobody closes"))  # waits here


@pytest.mark.parametrize(
    ("fails", "words", "where"),
    [
        (raises, r"failed: ValueError: .* \((\S+)\)$", "# raised here"),
        (asks_for_nonsense, r"failed: TypeError: it yielded 'nonsense', .* \((\S+)\)$", "# asked for here"),
        (misuses, r"failed: .* \((\S+)\)$", "# misused here"),
        (forgets, r"w 1 on device 1 waits for what nobody closes \((\S+)\)$", "# waits here"),
    ],
)
def test_a_failure_names_the_line_of_the_method(
    executor: str, fails: Callable[[], Program], words: str, where: str
) -> None:
    """It does so even if the program is closed when the error is formatted, or the executor raised it."""
    with pytest.raises((WorkerFailed, Stalled)) as caught:
        carry_out(executor, program(), fails())
    result = re.search(words, str(caught.value))
    assert result is not None, caught.value
    assert result[1] == line_of(where)


def test_what_fails_in_the_team_fails_the_worker_that_asked(executor: str) -> None:
    class Broken(SimulatedTeam):
        def forward(self, layer: Any, step: Any, now: float) -> None:
            raise MemoryError("out of memory")

    team = Broken(team_of().replicas, steps_per_epoch=4, epochs=1)

    def trains() -> Program:
        step = yield NextBatch(team.replica)
        yield Forward(team.replica.layers[0], step)

    with pytest.raises(WorkerFailed, match="Worker 'w 1 on device 0' failed: MemoryError: out of memory"):
        carry_out(executor, program(Get(Channel())), trains(), team=team, devices=(0, 0))


# ---- what each worker is at


def without_line(activity: Activity) -> str:
    """Returns the activity's text without its place, which must be one line of this file."""
    text, lines = re.subn(rf"(; | \(){re.escape(str(Path(__file__).relative_to(CHECKOUT)))}:\d+", r"\1", str(activity))
    assert lines == 1, text
    return text.replace("; )", ")").replace(" ()", "")


def test_what_a_worker_is_at_can_be_seen(executor: str) -> None:
    """The activity says whether it is in an effect or the method's own code, and counts its effects."""
    activities = list[tuple[str, int]]()

    def look() -> None:
        activities.extend((without_line(activity), activity.effect_count) for activity in runner.activities)

    class Looking(SimulatedTeam):
        def forward(self, layer: Any, step: Any, now: float) -> None:
            look()

    team = Looking(team_of().replicas, steps_per_epoch=4, epochs=1)

    def trains() -> Program:
        step = yield NextBatch(team.replica)
        yield Forward(team.replica.layers[0], step)
        look()
        yield Put(Channel(capacity=None, name="losses"), step)

    runner = executors.executor(executor).build(team, Price.uniform(1, 1.0, 1.0), 1)
    assert runner.activities == []
    bounded(lambda: runner.run(crew(trains())))
    assert activities == [("w 0 on device 0 at Forward (layer0)", 2), ("w 0 on device 0 in the method's own code", 2)]
    assert runner.activities == []


def test_no_workers_is_no_work(executor: str) -> None:
    carry_out(executor)


def stubborn() -> Program:
    """Raises an error when it is closed."""
    try:
        yield Get(Channel(name="what nobody sends"))
    except GeneratorExit:
        raise OSError("cannot clean up") from None


def restive() -> Program:
    """Yields when it is closed, which a generator must not do."""
    try:
        yield Get(Channel(name="what nobody sends"))
    except GeneratorExit:
        yield Count(Counter())


@pytest.mark.parametrize("other", [stubborn, restive])
def test_of_a_failure_and_one_of_closing_the_failure_is_told(executor: str, other: Callable[[], Program]) -> None:
    with pytest.raises(WorkerFailed, match="Worker 'w 1 on device 1' failed: KeyError: 'lost'"):
        carry_out(executor, other(), failing(), other())


@pytest.mark.parametrize("other", [stubborn, restive])
def test_who_waits_for_ever_is_told_and_not_how_it_closed(executor: str, other: Callable[[], Program]) -> None:
    with pytest.raises(Stalled, match="w 0 on device 0 waits for what nobody sends"):
        carry_out(executor, other())
