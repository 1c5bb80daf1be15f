"""Real time: workers take turns on as many threads as the process may use cores.

A worker that waits frees its thread for another one. If more workers can continue than there are threads, they take
turns after each effect. One monitor guards what workers share with each other (channels, counters, groups); layers have
locks of their own, in the team. On CUDA each batch in progress has its own stream, and a backward pass runs in the
thread of the worker that asks for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Never

import torch

from benchmarks.executors.accounting import Gradient, Step, Weights
from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import Stalled, WorkerFailed, WorkersStuck, closing
from benchmarks.executors.team import Team, untimed_handlers
from benchmarks.executors.threads.channels import SharedChannels
from benchmarks.executors.threads.collectives import ThreadCollectives
from benchmarks.executors.threads.monitor import Monitor, Wait, WorkerTurn
from benchmarks.executors.traffic import Traffic
from benchmarks.hardware.cores import usable_cores
from benchmarks.hardware.price import Price
from methods import effects as e

GRACE_SECONDS = 10.0
"""Seconds that the others may take after a failure to reach their next effect. An effect is a layer's pass at most."""


Handler = Callable[[e.Worker, Never], object]
"""Carries out an effect of one kind for a worker, and returns its value or a Wait for it."""


class _Over(Exception):
    """A worker's program has ended, or has to end because another worker has failed."""


class ThreadsExecutor:
    """Runs a method's workers on threads, in real time.

    threads: number of torch's threads in each thread.
    pool_size: number of threads for the workers; None: as many as cores, or as workers if the device has asynchronous
        launches, since workers then mostly wait for it.
    grace_seconds: how long the other workers may take to end after a failure.
    """

    now = None  # real time

    def __init__(
        self, team: Team, *, threads: int = 1, pool_size: int | None = None, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self.team, self.threads, self.pool_size, self.grace_seconds = team, threads, pool_size, grace_seconds
        self._alive: dict[WorkerTurn, None] = {}
        self._begun = self._ended = 0.0  # so that `Now` does not count the time between calls of `run`

    @property
    def activities(self) -> Sequence[Activity]:
        """The activities of the workers that have not ended."""
        return list(self._alive)

    def resume(self, now: float | None) -> None:
        """Sets the seconds from which `Now` continues: those that training took before."""
        self._begun, self._ended = 0.0, now or 0.0

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs all workers to completion: one epoch, or a part of it.

        Raises WorkerFailed or Stalled, which name workers, and WorkersStuck if others do not end after that.
        """
        turns = list(map(WorkerTurn, workers))
        self._traffic = Traffic(self.team, self.team.sizes, [turn.worker for turn in turns])
        self._alive = dict.fromkeys(turns)
        self._begun += time.perf_counter() - self._ended
        self._monitor = self._make_monitor(turns)
        self._handlers = self._make_handlers()
        thread_count = min(len(turns), self._thread_count(len(turns)))
        threads = [threading.Thread(target=self._take_turns, daemon=True) for _ in range(thread_count)]
        for thread in threads:
            thread.start()
        if threads:
            self._monitor.over.wait()
        self._join(threads)
        self._ended = time.perf_counter()

    def _thread_count(self, workers: int) -> int:
        if self.pool_size is not None:
            return self.pool_size
        return workers if self.team.device_lags else usable_cores()

    def _join(self, threads: Sequence[threading.Thread]) -> None:
        """Joins the threads, after a failure for grace_seconds at most, and raises the failure."""
        failure, deadline = self._monitor.failure, time.monotonic() + self.grace_seconds
        for thread in threads:
            thread.join(None if failure is None else max(0.0, deadline - time.monotonic()))
        if failure is not None:
            raise WorkersStuck(failure, map(str, stuck), self.grace_seconds) if (stuck := self.activities) else failure

    def _make_monitor(self, turns: list[WorkerTurn]) -> Monitor:
        return Monitor(turns)

    def _make_channels(self) -> SharedChannels:
        return SharedChannels(self._monitor, self._traffic)

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        team, collectives = self.team, ThreadCollectives(self.team, self._monitor, self._traffic)
        self._channels = channels = self._make_channels()
        channels.begun = self._begun
        return {
            **untimed_handlers(team),
            e.NextBatch: self._next_batch,
            e.Snapshot: self._snapshot,
            e.Forward: self._forward,
            e.Loss: lambda worker, effect: team.loss(effect.step),
            e.Backward: self._backward,
            e.Update: self._update,
            e.Accumulate: lambda worker, effect: team.accumulate(effect.gradients, mean=effect.mean),
            e.Compress: lambda worker, effect: team.compress(effect, self._traffic.sizes),
            e.Put: channels.put,
            e.Get: self._get,
            e.Now: self._now,
            e.Close: channels.close,
            e.Count: channels.count,
            e.Await: channels.wait,
            e.AllReduce: collectives.all_reduce,
            e.Average: collectives.average,
            e.Anchor: self._anchor,
            e.Delta: self._delta,
            e.Outer: lambda worker, effect: team.outer(effect),
            e.Mix: self._mix,
        }

    def _take_turns(self) -> None:
        """Runs on each thread: continues any worker that can go on, until all have ended."""
        torch.set_num_threads(self.threads)  # a new thread inherits neither setting
        torch.set_flush_denormal(True)
        with torch.autograd.set_multithreading_enabled(False):
            while (turn := self._monitor.next()) is not None:
                threading.current_thread().name = turn.worker.name
                try:
                    wait = turn.context.run(self._drive, turn)
                except BaseException as error:  # a worker that ended silently would leave a run that looks finished
                    self._end(turn, error)
                else:
                    self._monitor.leave(turn, wait)

    def _drive(self, turn: WorkerTurn) -> Wait | None:
        """Carries out the worker's effects. Returns its wait, or None if another worker is to have a turn.

        Raises _Over if the worker has ended, or another one has failed.
        """
        worker, monitor = turn.worker, self._monitor
        while monitor.failure is None:
            value = turn.take()
            try:
                effect = worker.program.send(value)
            except StopIteration:
                raise _Over from None
            turn.effect = effect
            turn.effect_count += 1
            if type(effect) not in self._handlers:
                names = ", ".join(kind.__name__ for kind in self._handlers)
                raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {names}")
            result = self._handlers[type(effect)](worker, effect)  # type: ignore[arg-type]  # the handler of its kind
            if not isinstance(result, Wait):
                turn.value = result
            elif not monitor.give(turn, result):
                return result
            if monitor.turns or monitor.overdue:
                return None
        raise _Over

    def _end(self, turn: WorkerTurn, error: BaseException) -> None:
        try:
            with closing([turn.worker]):
                if not isinstance(error, _Over):
                    raise error
        except (Stalled, WorkerFailed) as failure:
            self._monitor.fail(failure)
        except BaseException as failure:
            self._monitor.fail(WorkerFailed(turn.worker.name, failure))
        finally:
            del self._alive[turn]
            self._monitor.ended()

    def _next_batch(self, worker: e.Worker, effect: e.NextBatch) -> Step | None:
        self.team.keep_pace()
        return self.team.next_batch(effect.replica, effect.shared, worker.device)

    def _get(self, worker: e.Worker, effect: e.Get) -> Wait:
        return self._channels.get(worker, effect).then(self._paced)

    def _now(self, worker: e.Worker, effect: e.Now) -> float:
        return time.perf_counter() - self._begun

    def _paced(self, item: object) -> object:
        if isinstance(item, Step):
            self.team.keep_pace()
        return item

    def _snapshot(self, worker: e.Worker, effect: e.Snapshot) -> None:
        self._traffic.reach(worker, effect)
        self.team.snapshot(effect.layer, effect.step, time.perf_counter())

    def _forward(self, worker: e.Worker, effect: e.Forward) -> None:
        self.team.forward(effect.layer, effect.step, time.perf_counter())

    def _backward(self, worker: e.Worker, effect: e.Backward) -> Gradient | None:
        gradient = self.team.backward(effect.layer, effect.step, weights=effect.weights, inputs=effect.inputs)
        if gradient is not None and not gradient.ready:  # else it has a device's event
            gradient.ready = time.perf_counter()
        return gradient

    def _update(self, worker: e.Worker, effect: e.Update) -> None:
        self._traffic.reach(worker, effect)
        self.team.update(effect.gradients, worker.name, time.perf_counter(), effect.replica, effect.scale)

    def _anchor(self, worker: e.Worker, effect: e.Anchor) -> Weights:
        self._traffic.reach(worker, effect)
        return self.team.anchor(effect.replica, effect.layers)

    def _delta(self, worker: e.Worker, effect: e.Delta) -> Sequence[Gradient]:
        self._traffic.reach(worker, effect)
        return self.team.delta(effect.anchor, effect.replica, time.perf_counter())

    def _mix(self, worker: e.Worker, effect: e.Mix) -> None:
        self._traffic.reach(worker, effect)
        self.team.mix(effect)


def build(team: Team, price: Price | None, threads: int) -> ThreadsExecutor:
    """Makes the executor; called by the registry. price is ignored, since seconds are real."""
    return ThreadsExecutor(team, threads=threads)
