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
    other_team = team()
    other_team.begin_epoch(2)
    assert drawn(other_team) != first


def test_what_others_take_does_not_change_them() -> None:
    drained = team()
    drained.accounts.drain_after(8)
    drained.next_batch(drained.replica)
    assert drawn(drained) == drawn(team())


def test_every_part_of_an_epoch_has_its_own_resumed_or_not() -> None:
    uninterrupted, resumed = team(), team()
    uninterrupted.accounts.drain_after(4)
    first = drawn(uninterrupted)
    for _ in range(4):
        uninterrupted.next_batch(uninterrupted.replica)
    counts = uninterrupted.counts()
    uninterrupted.accounts.drain_after(8)
    assert drawn(uninterrupted) != first
    resumed.resume(counts)
    resumed.accounts.drain_after(8)
    assert drawn(resumed) == drawn(uninterrupted)
