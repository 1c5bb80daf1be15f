"""The threads executor: settings of its threads, failures, and turns."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
import torch

from benchmarks.executors.errors import WorkerFailed, WorkersStuck
from benchmarks.executors.threads.executor import ThreadsExecutor
from methods import Await, Channel, Close, Count, Counter, Get, Program, Put
from tests.conformance.small import bounded
from tests.executors.crews import carry_out, crew, team_of


def test_a_worker_is_on_a_thread_with_settings_of_its_own() -> None:
    """torch's threads as configured, autograd in the calling thread; the caller's settings do not change."""
    settings = list[Any]()

    def looks() -> Program:
        yield Count(Counter())
        settings.append(
            (threading.current_thread().name, torch.get_num_threads(), torch._C._is_multithreading_enabled())
        )

    before = torch.get_num_threads(), torch._C._is_multithreading_enabled()
    bounded(lambda: ThreadsExecutor(team_of(), threads=1).run(crew(looks(), looks())))
    assert sorted(settings) == [("w 0 on device 0", 1, False), ("w 1 on device 1", 1, False)]
    assert (torch.get_num_threads(), torch._C._is_multithreading_enabled()) == before


def test_a_failure_is_told_where_others_never_end() -> None:
    """One worker is stuck in its own code, another holds the monitor's lock."""
    release, held, entered = threading.Event(), threading.Event(), threading.Barrier(3, timeout=30)

    class Holding(Counter):
        @property
        def ended(self) -> bool:
            held.set()
            release.wait()
            return super().ended

    def spins() -> Program:
        entered.wait()
        release.wait()
        yield Count(Counter())

    def holds() -> Program:
        entered.wait()
        yield Await(Holding(), at_least=1)

    def fails() -> Program:
        entered.wait()
        if held.wait(30) and not release.is_set():
            raise KeyError("lost")
        yield Count(Counter())

    executor = ThreadsExecutor(team_of(), pool_size=3, grace_seconds=0.05)
    with pytest.raises(WorkersStuck, match=r"Worker 'w 2 .* failed: KeyError: 'lost' \(.*; 0\.05 s later") as caught:
        bounded(lambda: executor.run(crew(spins(), holds(), fails())))
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("w "):
            thread.join()
    workers_named = str(caught.value).partition("these had not ended: ")[2]
    place = r"tests/executors/test_threads\.py:\d+\)"
    assert re.fullmatch(
        rf"w 0 on device 0 in the method's own code \({place}, w 1 on .* at Await \(counter; {place}", workers_named
    )
    assert isinstance(caught.value.__cause__, WorkerFailed)


def test_of_several_failures_one_is_told() -> None:
    def fails() -> Program:
        yield Count(Counter())
        raise ZeroDivisionError("enough")

    for _ in range(10):
        with pytest.raises(WorkerFailed, match="enough"):
            carry_out("threads", *(fails() for _ in range(4)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("w ")]


def test_a_rendezvous_hands_over_to_one_who_asks() -> None:
    """No put passes before a getter asks: at most one more than the items received."""
    channel, requests, passed = Channel(capacity=0), list[int](), list[int]()
    ahead = list[int]()

    def puts() -> Program:
        for i in range(200):
            yield Put(channel, i)
            passed.append(i)
            ahead.append(len(passed) - len(requests))
        yield Close(channel)

    def gets() -> Program:
        while True:
            requests.append(1)
            if (yield Get(channel)) is None:
                return

    carry_out("threads", puts(), gets(), gets())
    assert max(ahead) <= 0


def test_threads_overlap() -> None:
    """Two workers run at the same time: each waits, outside any effect, for the other."""
    barrier = threading.Barrier(2, timeout=30)

    def meets() -> Program:
        yield Count(Counter())
        barrier.wait()

    bounded(lambda: ThreadsExecutor(team_of(), pool_size=2).run(crew(meets(), meets())))


def test_workers_take_turns_where_there_are_fewer_threads() -> None:
    """After each effect another worker continues, so that none takes all of an epoch's batches."""
    turns, counter = list[int](), Counter()

    def counts(i: int) -> Program:
        for _ in range(5):
            yield Count(counter)
            turns.append(i)

    bounded(lambda: ThreadsExecutor(team_of(), pool_size=1).run(crew(*map(counts, range(3)))))
    assert turns == [0, 1, 2] * 5
