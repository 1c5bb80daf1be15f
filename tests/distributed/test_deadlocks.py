"""Ranks that all wait are deadlocked unless a message is under way or a meeting is complete."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.executors.distributed.watch import Idle, RemoteWait, is_deadlocked


def rank(**fields: Any) -> Idle:
    return Idle(**{"woken": 0, "met": {}, "away": [], "waiting": ["worker 0 at Get"], **fields})


@pytest.mark.parametrize(("received", "deadlocked"), [(2, True), (1, False)])
def test_a_message_under_way_wakes_its_receiver(received: int, deadlocked: bool) -> None:
    assert is_deadlocked([rank(sent=2), rank(received=received)]) is deadlocked


@pytest.mark.parametrize(("met", "deadlocked"), [(0, True), (1, False)])
def test_a_meeting_to_which_all_have_come_ends(met: int, deadlocked: bool) -> None:
    waits = rank(met={"all": 1}, away=[RemoteWait("all", 1)])
    assert is_deadlocked([waits, rank(met={"all": met})]) is deadlocked


def test_ranks_without_workers_that_wait_have_ended() -> None:
    assert not is_deadlocked([rank(waiting=[]), rank(waiting=[])])
