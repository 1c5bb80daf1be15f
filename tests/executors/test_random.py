"""A method's random numbers depend only on seed, epoch, part and worker."""

from __future__ import annotations

from benchmarks.executors.team import SimulatedTeam


def team(seed: int = 0) -> SimulatedTeam:
    simulated = SimulatedTeam.of([("a", 1)], steps_per_epoch=8)
    simulated.seed, simulated.accounts.epochs = seed, 3
    simulated.begin_epoch(1)
    return simulated


def drawn(team: SimulatedTeam, worker: str = "updater 0") -> float:
    return team.random(worker).random()


def test_they_hang_on_seed_epoch_and_worker() -> None:
    first = drawn(team())
    assert first == drawn(team()) == 0.6805637396101041  # the same on any machine
    assert drawn(team(seed=1)) != first
    assert drawn(team(), "updater 1") != first
    another = team()
    another.begin_epoch(2)
    assert drawn(another) != first


def test_what_others_take_does_not_change_them() -> None:
    one = team()
    one.accounts.drain_after(8)
    one.next_batch(one.replica)
    assert drawn(one) == drawn(team())


def test_every_part_of_an_epoch_has_its_own_resumed_or_not() -> None:
    whole, resumed = team(), team()
    whole.accounts.drain_after(4)
    first = drawn(whole)
    for _ in range(4):
        whole.next_batch(whole.replica)
    counts = whole.counts()
    whole.accounts.drain_after(8)
    assert drawn(whole) != first
    resumed.resume(counts)
    resumed.accounts.drain_after(8)
    assert drawn(resumed) == drawn(whole)
