"""Lost updates and torn reads: how they are counted, and that there are none under locks."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.executors.numerics.layer import AccessCounter, Shadow
from benchmarks.executors.numerics.team import TorchTeam
from methods import Backward, Forward, Loss, NextBatch, Program, Update
from tests.conformance.small import bounded
from tests.executors.crews import EXECUTORS, carry_out
from tests.executors.teams import backward, forward, network, team_of


def play(moments: str) -> AccessCounter:
    """Carries out accesses: r is a read, w an update, v an average.

    The first occurrence of a letter begins its access, the second ends it.
    """
    counter, under_way = AccessCounter(), dict[str, Any]()
    for letter in moments:
        if letter in under_way:
            under_way.pop(letter).__exit__(None, None, None)
        else:
            under_way[letter] = counter.reading() if letter == "r" else counter.writing(update=letter == "w")
            under_way[letter].__enter__()
    return counter


@pytest.mark.parametrize(
    ("moments", "overlapping", "torn"),
    [
        ("rrww", 0, 0),
        ("wwrr", 0, 0),
        ("wrwr", 1, 0),  # the write is ahead: the read sees all of it
        ("rwrw", 1, 0),  # the read is ahead
        ("wrrw", 1, 1),
        ("rwwr", 1, 1),
        ("wrwvrv", 1, 0),
        ("wrvvwr", 1, 1),
        ("wvrvrw", 1, 1),
    ],
)
def test_a_read_overlaps_a_write_or_is_torn_by_it(moments: str, overlapping: int, torn: int) -> None:
    counts = play(moments).counts()
    assert (counts["weight_reads"], counts["overlapping_reads"], counts["torn_reads"]) == (1, overlapping, torn)


@pytest.mark.parametrize(
    ("moments", "overlapping"), [("wwvv", 0), ("vwvw", 1), ("wvwv", 1), ("wvvw", 1), ("vwwv", 1), ("wvvwww", 1)]
)
def test_updates_overlap_other_writes(moments: str, overlapping: int) -> None:
    """v is an average: no update itself, but it may destroy one."""
    assert play(moments).counts()["overlapping_updates"] == overlapping


def test_counters_lose_what_two_threads_add_to_one_reading() -> None:
    shadow = Shadow(torch.device("cpu"))
    shadow.increment()
    read = shadow.counters.clone()
    shadow.increment()
    assert shadow.lost() == 0
    shadow.counters[: len(read) // 4] = read[: len(read) // 4]  # another thread had read them before
    assert shadow.lost() == 0.25
    shadow.clear()
    assert shadow.lost() == 0


# ---- a team's


def lost(team: TorchTeam) -> list[float]:
    return [row["lost_updates"] for row in team.conflicts()]


def test_an_overwriting_update_says_how_many_it_lost() -> None:
    """It counts updates and averages of its own replica, each once."""
    team = team_of(network(0), network(0), steps=12, overwrite=True)
    first, second, third = (backward(team, forward(team))[1] for _ in range(3))
    team.update([first], "a", 0.0)
    assert lost(team) == [0, 0]
    team.update([second], "b", 0.0)
    assert lost(team) == [1, 0]
    flat = team.flat(team.replica)
    team.add_mean(team.replica, flat, flat)
    team.update([third], "c", 0.0)
    assert lost(team) == [3, 0]
    far = backward(team, forward(team))[1]
    team.update([far], "d", 0.0, team.replicas[1])
    assert lost(team) == [3, 0]
    team.begin_epoch(1)
    assert lost(team) == [0, 0]


def steps(team: TorchTeam) -> Program:
    """Trains whole steps on one replica, together with other workers that do the same."""
    while (step := (yield NextBatch(team.replica))) is not None:
        for layer in team.replica.layers:
            yield Forward(layer, step)
        yield Loss(step)
        for layer in reversed(team.replica.layers):
            yield Update((yield Backward(layer, step)))


@pytest.mark.parametrize(("overwrite", "expected"), [(True, [2, 2]), (False, [0, 0])])
def test_overwritten_updates_are_exact_on_the_virtual_clock(overwrite: bool, expected: list[int]) -> None:
    """Two devices in lockstep, two batches each: the second of every two updates overwrites the first."""
    team = team_of(steps=4, overwrite=overwrite)
    carry_out("virtual", steps(team), steps(team), team=team)
    assert lost(team) == expected


class Slow(nn.Linear):
    """A layer whose forward pass pauses in the middle."""

    def __init__(self) -> None:
        super().__init__(3, 5, bias=False)
        self.within, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        self.within.set()
        assert self.go_on.wait(30)
        return y


def pass_during_an_update(team: TorchTeam, slow: Slow) -> dict[str, Any]:
    """Returns the first layer's counts after a forward pass during which another thread updates it."""
    gradient = backward(team, forward(team))[1]
    for layer in team.layers:
        layer.access_counter.clear()
    slow.within.clear()
    slow.go_on.clear()
    reader = threading.Thread(target=forward, args=(team,))
    reader.start()
    assert slow.within.wait(30)
    team.update([gradient], "w", 0.0)
    slow.go_on.set()
    reader.join()
    return dict(team.conflicts()[0])


def test_a_pass_sees_half_of_a_locked_update_since_it_takes_no_lock() -> None:
    slow = Slow()
    result = pass_during_an_update(team_of({**network(), "first": slow}, streams=True), slow)
    assert (result["weight_reads"], result["overlapping_reads"], result["torn_reads"]) == (1, 1, 1)
    assert result["overlapping_updates"] == result["lost_updates"] == 0


def test_lock_free_updates_overlap() -> None:
    """The shadow counters record every one of them."""
    entered, steppers = threading.Barrier(2, timeout=30), list[threading.Thread]()

    class Meeting(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            entered.wait()
            super().step()
            entered.wait()

    team = team_of(optimizer=lambda params: Meeting(params, lr=99.0), lock_free=True, streams=True)
    team.replica.layers[0].stepped = True
    for name in "ab":
        gradient = backward(team, forward(team))[1]
        steppers.append(threading.Thread(target=team.update, args=([gradient], name, 0.0)))
    for stepper in steppers:
        stepper.start()
    for stepper in steppers:
        stepper.join()
    result = team.conflicts()[0]
    assert result["overlapping_updates"] == 2
    assert (shadow := team.replica.layers[0].shadow) is not None
    assert shadow.increments == 2
    assert 0 <= result["lost_updates"] <= 1


@pytest.mark.parametrize("executor", EXECUTORS)
def test_under_locks_nothing_is_lost_or_torn(executor: str) -> None:
    """Reads also take the layer's lock; threads switch as often as they can."""
    team = team_of(steps=60, streams=executor == "threads")
    for layer in team.replica.layers:
        layer.reading = layer.mutex
    bounded(lambda: carry_out(executor, steps(team), steps(team), steps(team), team=team))
    for row in team.conflicts():
        assert row["weight_reads"] == (120 if executor == "threads" else 0)
        assert row["torn_reads"] == row["overlapping_reads"] == row["overlapping_updates"] == row["lost_updates"] == 0
