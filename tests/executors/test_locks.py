"""Readers share a lock; a writer holds it alone, and goes before readers that come later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from benchmarks.executors.numerics.accesses import ReadWriteLock
from tests.conformance.small import bounded


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def join(threads: Sequence[threading.Thread]) -> None:
    bounded(lambda: list(map(threading.Thread.join, threads)))


def test_readers_are_inside_at_the_same_time() -> None:
    lock, barrier = ReadWriteLock(), threading.Barrier(2, timeout=30)

    def read() -> None:
        with lock.reading:
            barrier.wait()

    threads = [started(read), started(read)]
    join(threads)
    assert not barrier.broken


def test_nobody_is_inside_with_a_writer() -> None:
    lock, inside, occupants = ReadWriteLock(), list[str](), set[tuple[str, ...]]()

    def work(name: str, writes: bool) -> None:
        for _ in range(200):
            with lock.writing if writes else lock.reading:
                inside.append(name)
                if writes:
                    occupants.add(tuple(inside))
                inside.remove(name)

    threads = [started(lambda n=n: work(n, n[0] == "w")) for n in ("w1", "w2", "r1", "r2")]  # type: ignore[misc]
    join(threads)
    assert occupants == {("w1",), ("w2",)}


def test_a_reader_who_comes_after_a_writer_waits_for_it() -> None:
    """Otherwise readers could keep a writer out for ever."""
    lock, order = ReadWriteLock(), list[str]()

    def enter(name: str) -> None:
        with lock.writing if name == "writer" else lock.reading:
            order.append(name)

    lock.reading.begin()
    writer = started(lambda: enter("writer"))
    while not lock._writers_waiting:
        pass
    reader = started(lambda: enter("reader"))
    lock.reading.end()
    join([writer, reader])
    assert order == ["writer", "reader"]
