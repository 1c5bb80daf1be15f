"""The virtual clock: the order of workers, and when weights are read and written."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.devices import CallJob, Clock
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.sharing import OneMachine, SharedCores
from benchmarks.hardware.price import Price
from methods import (
    Backward,
    Channel,
    Close,
    Count,
    Counter,
    Forward,
    Get,
    NextBatch,
    Program,
    Put,
    Update,
)
from tests.executors.clocks import ONE, run, steps
from tests.executors.crews import crew, team_of

# ---- devices


def test_workers_on_devices_of_their_own_run_side_by_side() -> None:
    team = team_of(steps=4)
    assert run(team, ONE, steps(team), steps(team)).now == 2 * 3


def test_a_device_serves_one_effect_at_a_time_first_come_first_served() -> None:
    team = team_of(steps=2)
    executor = run(team, ONE, steps(team, limit=1), steps(team, limit=1), devices=(0, 0))
    assert executor.timed == [
        ("w 0 on device 0", "Forward", (0,), 0, 1),
        ("w 1 on device 0", "Forward", (0,), 1, 2),
        ("w 0 on device 0", "Backward", (0,), 2, 4),
        ("w 1 on device 0", "Backward", (0,), 4, 6),
    ]


def test_a_device_with_lanes_serves_several() -> None:
    team = team_of(steps=4)
    two_lanes = replace(ONE, lanes=2, lane_capacity=2.0)
    assert run(team, two_lanes, steps(team), steps(team), devices=(0, 0)).now == 2 * 3
    team = team_of(steps=3)
    assert run(team, two_lanes, steps(team), steps(team), steps(team), devices=(0, 0, 0)).now == 5


def test_an_effect_beside_others_is_slowed_by_the_capacity_that_is_missing() -> None:
    """The first starts alone, at full speed; the second shares the device with it."""
    for capacity in (1.0, 1.25, 2.0, 8.0):
        team = team_of(steps=2)
        price = replace(Price([1.0], [0.0], [0.0], [0.0]), lanes=2, lane_capacity=capacity)
        executor = run(team, price, steps(team, limit=1), steps(team, limit=1), devices=(0, 0))
        assert [end for *_, end in executor.timed] == [1.0, max(1.0, 2 / capacity)]


def test_an_effect_without_seconds_waits_for_no_device() -> None:
    """A worker that only counts continues while its device is busy with another."""
    team, counter, counts = team_of(steps=1), Counter(), list[Any]()

    def counts_at(executor: list[VirtualExecutor]) -> Program:
        counts.append((yield Count(counter)))
        counts.append(executor[0].now)

    executor = VirtualExecutor(team, ONE)
    executor.run(crew(steps(team), counts_at([executor]), devices=(0, 0)))
    assert counts == [0, 0.0]


# ---- ties


def test_a_put_that_wakes_a_getter_lets_it_go_first() -> None:
    """The order of the workers does not matter; an update comes before the putter's next forward pass."""
    channel, log = Channel(), list[str]()

    def puts() -> Program:
        for i in range(2):
            yield Put(channel, i)
            log.append(f"put {i}")
        yield Close(channel)

    def gets() -> Program:
        while (item := (yield Get(channel))) is not None:
            log.append(f"got {item}")

    for first in (True, False):
        log.clear()
        workers = [gets(), puts()] if first else [puts(), gets()]
        run(team_of(), ONE, *workers)
        assert log.index("got 1") < log.index("put 1")
        assert [entry for entry in log if entry.startswith("got")] == ["got 0", "got 1"]


def test_a_worker_goes_on_before_its_device_turns_to_the_next() -> None:
    """A forward pass that waited for the device sees the update that follows the backward pass."""
    team = team_of(steps=2)
    layer, stale = team.replica.layers[0], list[int]()

    def waits() -> Program:
        yield Forward(layer, (step := (yield NextBatch(team.replica))))
        stale.append(step.reads[0].updates)

    run(team, Price([1.0], [0.0], [0.0], [0.0]), steps(team, limit=1), waits(), devices=(0, 0))
    assert stale == [1]


# ---- reading, writing, staleness


def test_staleness_as_counted_by_hand() -> None:
    """Two workers, one layer, f = 1, b = 2. Both read version 0 at 0 and update at 3, the second one update behind.

    Then the first reads 1 (the second has not updated yet), the second 2; both update at 6, again one behind.
    """
    team = team_of(steps=4)
    run(team, ONE, steps(team), steps(team))
    (row,) = team.accounts.staleness.per_layer()
    assert row == {"layer": "layer0", "updates": 3 / 4, "seconds": 3.0, "wait_seconds": 0.0, "reads": 4}


def test_weights_are_read_when_the_device_grants_it_and_written_at_the_end() -> None:
    """A forward pass that waits for its device reads late; an update is visible only at its end."""
    team = team_of(steps=3)
    layer = team.replica.layers[0]
    versions = dict[str, tuple[int, float]]()

    def reads(name: str, after: Channel) -> Program:
        yield Get(after)
        step = yield NextBatch(team.replica)
        yield Forward(layer, step)
        versions[name] = (step.reads[0].updates, step.reads[0].time)

    early, late = Channel(capacity=None), Channel(capacity=None)

    def writes() -> Program:
        step = yield NextBatch(team.replica)
        yield Forward(layer, step)  # until 1
        gradient = yield Backward(layer, step)  # until 3
        yield Put(early, 0)
        yield Update(gradient)  # until 3.5
        yield Put(late, 0)

    price = replace(ONE, update_latency_seconds=0.5)
    run(team, price, writes(), reads("early", early), reads("late", late))
    assert versions == {"early": (0, 3.0), "late": (1, 3.5)}


def test_a_span_has_the_workers_device_and_that_of_the_weights() -> None:
    """A worker elsewhere reads and writes weights on device 0; replica 1's are written on device 1."""
    team = team_of(replicas=2, steps=2)

    def elsewhere() -> Program:
        (layer,) = team.replica.layers
        step = yield NextBatch(team.replica)
        yield Forward(layer, step)
        gradient = yield Backward(layer, step)
        yield Update(gradient)
        yield Update(gradient, replica=team.replicas[1])

    executor = run(team, ONE, elsewhere(), devices=(3,))
    reported = [(span.effect, span.device, span.home) for span in executor.spans]
    assert reported == [("Forward", 3, 0), ("Backward", 3, 0), ("Update", 3, 0), ("Update", 3, 1)]


def test_a_worker_that_has_ended_keeps_no_step() -> None:
    """Without the garbage collector, so that the next batch can use the step's slot."""
    team, steps_held = team_of(steps=1), list[Any]()

    def trains() -> Program:
        step = yield NextBatch(team.replica)
        steps_held.append(weakref.ref(step))
        yield Forward(team.replica.layers[0], step)

    def looks() -> Program:
        yield Get(Channel(), deadline=2.0)
        steps_held.append(steps_held[0]())

    gc.disable()
    try:
        run(team, ONE, trains(), looks())
    finally:
        gc.enable()
    assert steps_held[1] is None


def test_an_epoch_is_scheduled_the_same_whenever_it_starts() -> None:
    """Ties must not depend on the rounding of earlier epochs' seconds: a resumed run starts its clock at 0."""
    method, price = methods.create("async_bu"), Price.uniform(7, 0.7, 0.6)
    team = SimulatedTeam.of([(str(i), 1) for i in range(7)], steps_per_epoch=30)
    executor, measured = VirtualExecutor(team, price), []
    for epoch in range(3):
        team.begin_epoch(epoch)
        executor.run(method.workers(team))
        measured.append([row["updates"] for row in team.accounts.staleness.per_layer()])
    assert measured[1] == measured[0]
    assert measured[2] == measured[0]


# ---- workers that share the cores of one machine


def ended(capacity: float, *jobs: tuple[float, float]) -> list[float]:
    """Returns when each job is over. jobs: when each is asked for, and its seconds."""
    clock = Clock()
    cores = SharedCores(clock, Price([], [], [], [], lane_capacity=capacity))
    over: dict[int, float] = {}

    def ask(index: int, seconds: float) -> None:
        cores.ask(CallJob(cores, seconds, lambda started: over.__setitem__(index, clock.now)))

    for index, (at, seconds) in enumerate(jobs):
        clock.after(at, lambda index=index, seconds=seconds: ask(index, seconds))  # type: ignore[misc]
    clock.advance(())
    assert clock.now == max(over.values())
    return [over[index] for index in range(len(jobs))]


def test_jobs_within_the_capacity_run_at_full_speed() -> None:
    assert ended(1.0, (0.0, 3.0)) == [3.0]
    assert ended(2.0, (0.0, 3.0), (0.0, 4.0)) == [3.0, 4.0]


def test_a_later_job_slows_those_under_way() -> None:
    """One core: 5 s alone, then half speed; the second ends after 2 s of its own, the first 3 s later."""
    assert ended(1.0, (0.0, 10.0), (5.0, 2.0)) == [12.0, 9.0]


def test_an_executor_has_one_machine_for_all_its_devices() -> None:
    team = SimulatedTeam.of([("only", 1)], replicas=2, steps_per_epoch=4)
    seconds = {}
    for capacity in (1.0, 2.0):
        executor = OneMachine(team, Price([1.0], [1.0], [1.0], [0.0], lane_capacity=capacity))
        team.begin_epoch(0)
        executor.run(crew(steps(team), steps(team, replica=1), devices=(0, 1)))
        seconds[capacity] = executor.now
    assert seconds == {1.0: 12.0, 2.0: 6.0}
