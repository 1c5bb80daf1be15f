"""Workers that share cores: at any moment each goes on at capacity / n of its speed."""

from __future__ import annotations

from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.devices import CallJob, Clock
from benchmarks.executors.virtual.sharing import OneMachine, SharedCores
from benchmarks.hardware.price import Price
from tests.executors.clocks import steps
from tests.executors.crews import crew


def ended(capacity: float, *jobs: tuple[float, float]) -> list[float]:
    """jobs: when each is asked for, and its seconds -> when each is over, and that nothing happens later."""
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


def test_one_goes_on_as_if_alone() -> None:
    assert ended(1.0, (0.0, 3.0)) == [3.0]
    assert ended(2.0, (0.0, 3.0), (0.0, 4.0)) == [3.0, 4.0]


def test_who_comes_later_slows_those_who_are_under_way() -> None:
    """One core: 5 s alone, then half speed; the second is done after 2 s of its own, the first 3 s later."""
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
