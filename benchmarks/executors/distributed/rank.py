"""One rank's workers of a part, on threads, and what they share with those of other ranks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.executors.accounting import Gradient, Step
from benchmarks.executors.distributed.channels import Post, RankChannels
from benchmarks.executors.distributed.homes import Crossings
from benchmarks.executors.distributed.meetings import GroupLine, RankMeetings
from benchmarks.executors.distributed.monitor import RankMonitor
from benchmarks.executors.distributed.session import Joint
from benchmarks.executors.distributed.watch import RankFailed, RankWatch
from benchmarks.executors.distributed.wire import LinkLost, NcclWire, Wire, gpu_of
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import narrowed
from benchmarks.executors.threads.executor import GRACE_SECONDS, Handler, ThreadsExecutor
from benchmarks.executors.threads.monitor import Turn
from methods import effects as e

BETWEEN = (e.AllReduce, e.Average, e.Update, e.Put, e.Close)
"""Effects that may wait for other ranks."""


class RankExecutor(ThreadsExecutor):
    """team: right of this rank's own replica. threads: torch's, in each worker."""

    def __init__(
        self, team: TorchTeam, joint: Joint, *, threads: int = 1, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        super().__init__(team, threads=threads, grace_seconds=grace_seconds)
        self.torch_team, self.joint = team, joint
        self.watch = RankWatch(joint)
        self._part, self._base, self._crossings = 0, 0, Crossings()
        self._lines: dict[str, GroupLine] = {}
        self._post: Post | None = None
        self._carrier: Wire | NcclWire | None = None
        joint.gpu = gpu_of(team.device)
        self._newest: RankMonitor | None = None
        self._gone: RankFailed | None = None
        self._making = threading.Lock()
        self._monitor: RankMonitor

    @contextlib.contextmanager
    def part(self, crossings: Crossings, *, taken: int) -> Iterator[None]:
        """Around a part of an epoch. taken: the epoch's batches before it."""
        self._part, self._base, self._crossings = self._part + 1, taken, crossings
        try:
            wire = self.joint.wire
        except RuntimeError as error:
            raise self.watch.cause(LinkLost(-1, error)) from None
        if crossings.homes and self._post is None:
            self._post = Post(wire, self.torch_team.replicas[wire.rank].layers, self._lost)
        with self.watch:
            try:
                yield
            except BaseException as error:  # a signal, too: nobody is to wait for this rank
                self.watch.tell(error)
                raise

    def run(self, workers: Iterable[e.Worker]) -> None:
        """This rank's of them; the others' programs are closed, which have not begun. Within a `part`."""
        crew = list(workers)
        for worker in crew:
            if worker.device != self.joint.rank:
                worker.program.close()
        super().run([worker for worker in crew if worker.device == self.joint.rank])

    def _carriers(self, workers: int) -> int:
        """A thread each: what waits for another rank keeps its thread."""
        return workers

    def check(self) -> None:
        """Raises the failure that another rank's workers have had meanwhile."""
        if self._monitor.failure is not None:
            raise self._monitor.failure

    def _make_monitor(self, turns: list[Turn]) -> RankMonitor:
        monitor = RankMonitor(turns, self.watch.tell)
        with self._making:
            self._newest = monitor
        if self._gone is not None:
            monitor.fail(self._gone)
        return monitor

    def _make_channels(self) -> RankChannels:
        joint = self.joint
        return RankChannels(self._monitor, self.torch_team, joint.wire, self._crossings.homes, self._part, self._post)

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        team, rounds = self.torch_team, self._crossings.rounds
        meetings = RankMeetings(team, self._monitor, self.joint.wire, self._carry(), self._lines, rounds)
        handlers = super()._make_handlers() | {e.AllReduce: meetings.all_reduce, e.Average: meetings.average}
        put: Any = handlers[e.Put]

        def settled_update(worker: e.Worker, effect: e.Update) -> None:
            team.accounts.count_update([narrowed(Gradient, gradient) for gradient in effect.gradients])
            for gradients in meetings.as_they_come(worker, effect.gradients):
                team.apply_gradients(gradients, worker.name, time.perf_counter(), effect.replica, effect.scale)

        def settled_put(worker: e.Worker, effect: e.Put) -> Any:
            if effect.channel.name in self._crossings.homes:
                meetings.settle(worker, effect.item)
            return put(worker, effect)

        handlers |= {e.Update: settled_update, e.Put: settled_put}
        channels: Any = self._channels
        self.watch.traffic = lambda: (channels.sent, channels.had)
        self.watch.monitor = self._monitor
        between = {kind: self._explained(handlers[kind]) for kind in BETWEEN}
        return handlers | between

    def _carry(self) -> Wire | NcclWire:
        """What carries gradients, as rank 0 has said."""
        if self._carrier is None:
            nccl, device, joint = self.joint.heard("backend") == "nccl", self.torch_team.device, self.joint
            streams: Any = self.torch_team.device_streams
            self._carrier = NcclWire(joint.store, joint.wire, device, streams) if nccl else joint.wire
        return self._carrier

    def _explained(self, handler: Any) -> Handler:
        """A connection that is lost is no failure of the worker's, but of whoever is at its other end."""

        def carry_out(worker: e.Worker, effect: Any) -> Any:
            try:
                return handler(worker, effect)
            except LinkLost as error:
                raise self.watch.cause(error) from None

        return carry_out

    def _lost(self, error: LinkLost) -> None:
        """Heard by a thread that listens: also where the run is over, and between two parts or before the first."""
        if self.joint.closed:
            return
        failure = self.watch.cause(error)
        if not self.joint.closed:
            with self._making:
                self._gone, monitor = failure, self._newest
            if monitor is not None:
                monitor.fail(failure)

    def _next_batch(self, worker: e.Worker, effect: e.NextBatch) -> Step | None:
        if not effect.shared:
            return super()._next_batch(worker, effect)
        self.team.keep_pace()
        ticket = self._base + self.joint.store.add(f"tickets of part {self._part}", 1) - 1
        return self.team.take(effect.replica, ticket)
