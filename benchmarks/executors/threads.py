"""Real time: every worker a thread.

One monitor guards what workers share with each other (channels, counters, groups); what they share of the network is
guarded layer by layer in the team. An update costs a mutex, a wait costs a condition: next to a batch's arithmetic,
nothing. On CUDA every batch in flight has a stream of its own, and a backward pass runs in its caller's thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.errors import Stalled, WorkerFailed
from methods import effects as e


class Stopped(Exception):
    """Another worker has failed."""


@dataclass(eq=False)
class Queue:
    """A channel's state. `asked` counts the getters that wait, so that a rendezvous knows when it may hand over."""

    items: deque[Any] = field(default_factory=deque)
    asked: int = 0
    closed: int = 0


@dataclass(eq=False)
class Meeting:
    """One round of a collective."""

    brought: dict[int, Any] = field(default_factory=dict)
    results: dict[int, Any] | None = None


class ThreadsExecutor:
    """Runs a method's workers on threads. threads: torch's threads in each of them."""

    now = None  # real time

    def __init__(self, team: DryTeam, *, threads: int = 1) -> None:
        self.team, self.threads = team, threads
        self.monitor = threading.Condition()
        self._handlers: dict[type, Callable[[e.Worker, Any], Any]] = {
            e.NextBatch: lambda worker, effect: self.team.next_batch(effect.replica, effect.shared),
            e.Snapshot: lambda worker, effect: self.team.snapshot(effect.layer, effect.step, time.perf_counter()),
            e.Forward: lambda worker, effect: self.team.forward(effect.layer, effect.step, time.perf_counter()),
            e.Loss: lambda worker, effect: self.team.loss(effect.step),
            e.Backward: self._backward,
            e.Update: self._update,
            e.Put: self._put,
            e.Get: self._get,
            e.Close: self._close,
            e.Count: self._count,
            e.Await: self._await,
            e.AllReduce: self._all_reduce,
            e.Average: self._average,
        }

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Run all workers to completion: one epoch. Raises WorkerFailed or Stalled, both naming workers."""
        self._queues: dict[e.Channel, Queue] = {}
        self._meetings: dict[e.Group, Meeting] = {}
        self._waiting: dict[e.Worker, tuple[str, Callable[[], bool]]] = {}
        self._failure: Exception | None = None
        crew = list(workers)
        self._alive = len(crew)
        threads = [
            threading.Thread(target=self._work, args=(worker,), name=worker.name, daemon=True) for worker in crew
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    # ---- one worker

    def _work(self, worker: e.Worker) -> None:
        torch.set_num_threads(self.threads)  # not inherited from the parent thread
        try:
            with torch.autograd.set_multithreading_enabled(False):
                self._drive(worker)
        except Stopped:
            pass
        except Stalled as error:
            self._fail(error)
        except BaseException as error:  # a thread that ended silently would leave a run that looks finished
            failure = WorkerFailed(worker.name, error)
            failure.__cause__ = error
            self._fail(failure)
        finally:
            worker.program.close()
            with self.monitor:
                self._alive -= 1
                self._check_for_stall()
                self.monitor.notify_all()

    def _drive(self, worker: e.Worker) -> None:
        value = None
        while self._failure is None:
            try:
                effect = worker.program.send(value)
            except StopIteration:
                return
            if type(effect) not in self._handlers:
                known = ", ".join(kind.__name__ for kind in self._handlers)
                raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {known}")
            value = self._handlers[type(effect)](worker, effect)

    def _fail(self, error: Exception) -> None:
        with self.monitor:
            self._failure = self._failure or error
            self.monitor.notify_all()

    def _wait(self, worker: e.Worker, what: str, ready: Callable[[], bool]) -> None:
        """Wait, the monitor held, until ready. When all wait and none is ready, nobody will ever be."""
        while not ready():
            self._waiting[worker] = what, ready
            self._check_for_stall()
            if self._failure is None:
                self.monitor.wait()
            del self._waiting[worker]
            if self._failure is not None:
                raise Stopped

    def _check_for_stall(self) -> None:
        if self._failure is not None or not self._alive or len(self._waiting) < self._alive:
            return
        if not any(ready() for _, ready in self._waiting.values()):
            self._failure = Stalled((worker.name, what) for worker, (what, _) in self._waiting.items())
            self.monitor.notify_all()

    # ---- computing

    def _backward(self, worker: e.Worker, effect: e.Backward) -> Any:
        gradient = self.team.backward(effect.layer, effect.step, weights=effect.weights, inputs=effect.inputs)
        if gradient is not None:
            gradient.ready = time.perf_counter()
        return gradient

    def _update(self, worker: e.Worker, effect: e.Update) -> None:
        self.team.update(effect.gradients, worker.name, time.perf_counter(), effect.replica)

    # ---- channels

    def _put(self, worker: e.Worker, effect: e.Put) -> None:
        channel = effect.channel
        with self.monitor:
            queue = self._queues.setdefault(channel, Queue())
            if channel.capacity is not None:
                room = channel.capacity
                self._wait(worker, f"room in {channel.name}", lambda: len(queue.items) < room + queue.asked)
            queue.items.append(effect.item)
            self.monitor.notify_all()

    def _get(self, worker: e.Worker, effect: e.Get) -> Any:
        with self.monitor:
            queue = self._queues.setdefault(effect.channel, Queue())
            queue.asked += 1
            self.monitor.notify_all()
            try:
                self._wait(
                    worker, effect.channel.name, lambda: bool(queue.items) or queue.closed >= effect.channel.producers
                )
            finally:
                queue.asked -= 1
            item = queue.items.popleft() if queue.items else None
            self.monitor.notify_all()
            return item

    def _close(self, worker: e.Worker, effect: e.Close) -> None:
        with self.monitor:
            if isinstance(effect.port, e.Channel):
                self._queues.setdefault(effect.port, Queue()).closed += 1
            else:
                effect.port.closes += 1
            self.monitor.notify_all()

    # ---- counters

    def _count(self, worker: e.Worker, effect: e.Count) -> int:
        with self.monitor:
            effect.counter.value += 1
            self.monitor.notify_all()
            return effect.counter.value - 1

    def _await(self, worker: e.Worker, effect: e.Await) -> int:
        counter = effect.counter
        with self.monitor:
            self._wait(
                worker,
                f"{counter.name} to reach {effect.at_least}",
                lambda: counter.ended or counter.value >= effect.at_least,
            )
            return counter.value

    # ---- collectives

    def _all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Any:
        return self._meet(worker, effect, effect.gradient, self.team.mean_gradients)

    def _average(self, worker: e.Worker, effect: e.Average) -> bool:
        snapshot = self.team.flat(effect.replica)
        mean, everyone = self._meet(worker, effect, (snapshot, effect.last), self._mean_of_snapshots)
        self.team.add_mean(effect.replica, mean, snapshot)
        return bool(everyone)

    def _mean_of_snapshots(self, brought: list[tuple[Any, bool]]) -> list[Any]:
        mean = self.team.mean_flat([snapshot for snapshot, _ in brought])
        return [(mean, all(last for _, last in brought))] * len(brought)

    def _meet(self, worker: e.Worker, effect: Any, brought: Any, result: Callable[[list[Any]], list[Any]]) -> Any:
        """The last to arrive computes for all, in the order of the replicas."""
        group, member = effect.group, effect.replica.index
        with self.monitor:
            meeting = self._meetings.setdefault(group, Meeting())
            meeting.brought[member] = brought
            if len(meeting.brought) < group.members:
                self._wait(worker, f"the other members of {group.name}", lambda: meeting.results is not None)
            else:
                del self._meetings[group]
                order = sorted(meeting.brought)
                meeting.results = dict(zip(order, result([meeting.brought[i] for i in order]), strict=True))
                self.monitor.notify_all()
            assert meeting.results is not None
            return meeting.results[member]
