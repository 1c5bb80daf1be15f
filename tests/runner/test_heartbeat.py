"""A process without heartbeats is reported, and given up after the set number of seconds."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.runner.processes import watch
from benchmarks.runner.processes.messages import Alive, Epoch, Event, Remark
from benchmarks.runner.processes.watch import FIRST_SECONDS, Heartbeats


def ignore(event: Event) -> None:
    """A listener that does nothing."""


AT = "training epoch 3: forward 0 on device 0 in Forward for 0 s"


class Clock:
    """Replaces time.monotonic."""

    seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch, "time", clock)
    return clock


def wait(beats: Heartbeats, clock: Clock, seconds: float) -> list[tuple[str, str]]:
    """Checks once per interval -> the lost processes."""
    lost: list[tuple[str, str]] = []
    for _ in range(round(seconds / beats.every)):
        clock.seconds += beats.every
        lost += beats.lost(["id"])
    return lost


def test_a_silent_process_is_given_up_with_what_it_was_at(clock: Clock) -> None:
    beats = Heartbeats(4.0, ignore)
    beats.hear(Alive("id", AT))
    assert wait(beats, clock, 3.0) == []
    beats.hear(Alive("id", AT))
    assert wait(beats, clock, 3.0) == []
    ((id, why),) = wait(beats, clock, 1.0)
    assert id == "id"
    assert why.startswith(f"no sign of life from its process for 4 s, last {AT} (it was stopped, ")
    assert "repeats the run" in why


def test_without_a_limit_silence_is_said_at_growing_intervals(clock: Clock) -> None:
    events: list[Any] = []
    beats = Heartbeats(None, events.append)
    beats.hear(Alive("id", AT))
    assert wait(beats, clock, 100.0) == []
    assert [type(event) for event in events] == [Remark, Remark]
    assert "for 30 s" in events[0].text
    assert "for 60 s" in events[1].text
    assert not any("repeats the run" in remark.text for remark in events)  # it may be healthy


def test_imports_have_more_time(clock: Clock) -> None:
    beats = Heartbeats(1.0, ignore)
    assert wait(beats, clock, FIRST_SECONDS - 1) == []
    assert wait(beats, clock, 1.0)


def test_time_in_which_the_command_was_stopped_itself_does_not_count(clock: Clock) -> None:
    beats = Heartbeats(4.0, ignore)
    beats.hear(Alive("id", AT))
    clock.seconds += 1000
    assert list(beats.lost(["id"])) == []


def test_all_else_is_passed_on_and_counts_as_a_sign(clock: Clock) -> None:
    events: list[Any] = []
    beats = Heartbeats(4.0, events.append)
    beats.hear(Alive("id", AT))
    wait(beats, clock, 3.0)
    beats.hear(epoch := Epoch("id", 1, {}))
    assert events == [epoch]
    assert wait(beats, clock, 3.0) == []
