"""Real time: every worker a thread.

One monitor guards what workers share with each other (channels, counters, groups); what they share of the network is
guarded layer by layer in the team. An update costs a mutex, a wait costs a condition: next to a batch's arithmetic,
nothing. On CUDA every batch in flight has a stream of its own, and a backward pass runs in its caller's thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from benchmarks.executors.accounts import DryStep, DryTeam
from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import Stalled, WorkerFailed, WorkersStuck, closing
from benchmarks.executors.threads.channels import SharedChannels
from benchmarks.executors.threads.collectives import Meetings
from benchmarks.executors.threads.monitor import Monitor
from benchmarks.hardware.price import Price
from methods import effects as e

GRACE_SECONDS = 10.0
"""After a failure: how long the others have to come to their next effect; one effect is a layer's pass at most."""


class ThreadsExecutor:
    """Runs a method's workers on threads. threads: torch's threads in each of them."""

    now = None  # real time

    def __init__(self, team: DryTeam, *, threads: int = 1, grace_seconds: float = GRACE_SECONDS) -> None:
        self.team, self.threads, self.grace_seconds = team, threads, grace_seconds
        self._alive: dict[Activity, None] = {}

    @property
    def activities(self) -> list[Activity]:
        """Of the workers that have not ended."""
        return list(self._alive)

    def resume(self, now: float | None) -> None:
        """Real time needs nothing."""

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Run all workers to completion: one epoch, or a part of it.

        Raises WorkerFailed or Stalled, both naming workers; WorkersStuck where others do not end after that.
        """
        self._alive = dict.fromkeys(map(Activity, workers))
        crew = self.activities
        self._monitor = self._make_monitor(len(crew))
        self._handlers = self._make_handlers()
        threads = [threading.Thread(target=self._work, args=(one,), name=one.worker.name, daemon=True) for one in crew]
        for thread in threads:
            thread.start()
        if threads:
            self._monitor.over.wait()
        self._join(threads)

    def _join(self, threads: Sequence[threading.Thread]) -> None:
        """Raises the failure, if there was one: after it nobody waits for a thread that is stuck in a worker's code."""
        failure, deadline = self._monitor.failure, time.monotonic() + self.grace_seconds
        for thread in threads:
            thread.join(None if failure is None else max(0.0, deadline - time.monotonic()))
        if failure is not None:
            raise WorkersStuck(failure, map(str, stuck), self.grace_seconds) if (stuck := self.activities) else failure

    def _make_monitor(self, workers: int) -> Monitor:
        return Monitor(workers)

    def _make_channels(self) -> SharedChannels:
        return SharedChannels(self._monitor)

    def _make_handlers(self) -> dict[type, Callable[[e.Worker, Any], Any]]:
        team, meetings = self.team, Meetings(self.team, self._monitor)
        self._channels = channels = self._make_channels()
        return {
            e.NextBatch: self._next_batch,
            e.Snapshot: lambda worker, effect: team.snapshot(effect.layer, effect.step, time.perf_counter()),
            e.Forward: lambda worker, effect: team.forward(effect.layer, effect.step, time.perf_counter()),
            e.Loss: lambda worker, effect: team.loss(effect.step),
            e.Backward: self._backward,
            e.Update: self._update,
            e.Lag: lambda worker, effect: team.lag(effect.gradient, effect.replica),
            e.Drop: lambda worker, effect: team.drop(effect.what),
            e.Put: channels.put,
            e.Get: self._get,
            e.Close: channels.close,
            e.Count: channels.count,
            e.Await: channels.wait,
            e.AllReduce: meetings.all_reduce,
            e.Average: meetings.average,
            e.Correct: lambda worker, effect: team.correct(effect.correction),
        }

    def _work(self, activity: Activity) -> None:
        worker = activity.worker
        torch.set_num_threads(self.threads)  # neither is inherited from the parent thread
        torch.set_flush_denormal(True)
        try:
            with closing([worker]), torch.autograd.set_multithreading_enabled(False):
                self._drive(activity)
        except (Stalled, WorkerFailed) as error:
            self._monitor.fail(error)
        except BaseException as error:  # whoever ended silently would leave a run that looks finished
            self._monitor.fail(WorkerFailed(worker.name, error))
        finally:
            del self._alive[activity]
            self._monitor.ended()

    def _drive(self, activity: Activity) -> None:
        worker, value = activity.worker, None
        while self._monitor.failure is None:
            try:
                effect = worker.program.send(value)
            except StopIteration:
                return
            activity.effect = effect
            activity.asked += 1
            if type(effect) not in self._handlers:
                known = ", ".join(kind.__name__ for kind in self._handlers)
                raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {known}")
            value = self._handlers[type(effect)](worker, effect)

    def _next_batch(self, worker: e.Worker, effect: e.NextBatch) -> Any:
        self.team.keep_pace()
        return self.team.next_batch(effect.replica, effect.shared)

    def _get(self, worker: e.Worker, effect: e.Get) -> Any:
        item = self._channels.get(worker, effect)
        if isinstance(item, DryStep):
            self.team.keep_pace()
        return item

    def _backward(self, worker: e.Worker, effect: e.Backward) -> Any:
        gradient = self.team.backward(effect.layer, effect.step, weights=effect.weights, inputs=effect.inputs)
        if gradient is not None and not gradient.ready:  # else a device has said when it will be
            gradient.ready = time.perf_counter()
        return gradient

    def _update(self, worker: e.Worker, effect: e.Update) -> None:
        self.team.effects.updated(effect.gradients)
        self._apply(worker, effect)

    def _apply(self, worker: e.Worker, effect: e.Update) -> None:
        self.team.update(effect.gradients, worker.name, time.perf_counter(), effect.replica, effect.scale)


def build(team: DryTeam, price: Price | None, threads: int) -> ThreadsExecutor:
    """For the registry. Real seconds have no price."""
    return ThreadsExecutor(team, threads=threads)
