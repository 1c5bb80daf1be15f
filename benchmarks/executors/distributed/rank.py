"""One rank's workers of a part, on threads, and what they share with those of other ranks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Never

from benchmarks.executors.accounting import Gradient, Step
from benchmarks.executors.distributed.channels import Inbox, RankChannels
from benchmarks.executors.distributed.homes import CrossDeviceChannels
from benchmarks.executors.distributed.meetings import GroupLine, RankMeetings
from benchmarks.executors.distributed.monitor import RankMonitor
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import LinkLost, NcclTransport, Transport, gpu_of
from benchmarks.executors.distributed.watch import RankFailed, RankWatch
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.threads.executor import GRACE_SECONDS, Handler, ThreadsExecutor
from benchmarks.executors.threads.monitor import Turn, Wait
from methods import effects as e

BETWEEN = (e.AllReduce, e.Average, e.Update, e.Accumulate, e.Put, e.Close)
"""Effects that may wait for other ranks."""


class RankExecutor(ThreadsExecutor):
    """Runs one rank's workers. team: only this rank's replica is current. threads: torch's, in each worker."""

    def __init__(
        self, team: TorchTeam, session: RankSession, *, threads: int = 1, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        super().__init__(team, threads=threads, grace_seconds=grace_seconds)
        self.torch_team, self.session = team, session
        self.watch = RankWatch(session)
        self._part, self._base, self._cross_device = 0, 0, CrossDeviceChannels()
        self._lines: dict[str, GroupLine] = {}
        self._inbox: Inbox | None = None
        self._carrier: Transport | NcclTransport | None = None
        session.gpu = gpu_of(team.device)
        self._newest: RankMonitor | None = None
        self._gone: RankFailed | None = None
        self._making = threading.Lock()
        self._monitor: RankMonitor
        self._channels: RankChannels

    @contextlib.contextmanager
    def part(self, cross_device: CrossDeviceChannels, *, taken: int) -> Iterator[None]:
        """Surrounds a part of an epoch. taken: the epoch's batches before it."""
        self._part, self._base, self._cross_device = self._part + 1, taken, cross_device
        try:
            transport = self.session.transport
        except RuntimeError as error:
            raise self.watch.cause(LinkLost(-1, error)) from None
        if cross_device.homes and self._inbox is None:
            self._inbox = Inbox(transport, self.torch_team.replicas[transport.rank].layers, self._lost)
        with self.watch:
            try:
                yield
            except BaseException as error:  # a signal, too: nobody is to wait for this rank
                self.watch.tell(error)
                raise

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs this rank's of them; the others' programs are closed, which have not begun. Within a `part`."""
        crew = list(workers)
        for worker in crew:
            if worker.device != self.session.rank:
                worker.program.close()
        super().run([worker for worker in crew if worker.device == self.session.rank])

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
        session = self.session
        return RankChannels(
            self._monitor, self.torch_team, session.transport, self._cross_device.homes, self._part, self._inbox
        )

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        team, rounds = self.torch_team, self._cross_device.rounds
        meetings = RankMeetings(team, self._monitor, self.session.transport, self._carry(), self._lines, rounds)
        handlers = super()._make_handlers() | {e.AllReduce: meetings.all_reduce, e.Average: meetings.average}

        def settled_update(worker: e.Worker, effect: e.Update) -> None:
            if (clip := team.updates.clip) is not None and clip.all:
                for gradient in effect.gradients:
                    meetings.settle(worker, gradient)
            team.begin_update(effect.gradients)
            for gradients in meetings.as_they_come(worker, effect.gradients):
                team.apply_gradients(gradients, worker.name, time.perf_counter(), effect.replica, effect.scale)

        def settled_accumulate(worker: e.Worker, effect: e.Accumulate) -> Gradient:
            for gradient in effect.gradients:
                meetings.settle(worker, gradient)
            return self._accumulate(worker, effect)

        def settled_put(worker: e.Worker, effect: e.Put) -> Wait | None:
            if effect.channel.name in self._cross_device.homes:
                meetings.settle(worker, effect.item)
            return self._channels.put(worker, effect)

        handlers |= {e.Update: settled_update, e.Accumulate: settled_accumulate, e.Put: settled_put}
        channels = self._channels
        self.watch.messages = lambda: (channels.sent, channels.received)
        self.watch.monitor = self._monitor
        between = {kind: self._explained(handlers[kind]) for kind in BETWEEN}
        return handlers | between

    def _carry(self) -> Transport | NcclTransport:
        """Returns what carries gradients, as rank 0 has said."""
        if self._carrier is None:
            team, session = self.torch_team, self.session
            self._carrier = session.transport
            if session.heard("backend", str) == "nccl" and team.device_streams is not None:
                self._carrier = NcclTransport(session.store, session.transport, team.device, team.device_streams)
        return self._carrier

    def _explained(self, handler: Handler) -> Handler:
        """A connection that is lost is no failure of the worker's, but of whoever is at its other end."""

        def carry_out(worker: e.Worker, effect: Never) -> object:
            try:
                return handler(worker, effect)
            except LinkLost as error:
                raise self.watch.cause(error) from None

        return carry_out

    def _lost(self, error: LinkLost) -> None:
        """Heard by a thread that listens: also where the run is over, and between two parts or before the first."""
        if self.session.closed:
            return
        failure = self.watch.cause(error)
        if not self.session.closed:
            with self._making:
                self._gone, monitor = failure, self._newest
            if monitor is not None:
                monitor.fail(failure)

    def _next_batch(self, worker: e.Worker, effect: e.NextBatch) -> Step | None:
        if not effect.shared:
            return super()._next_batch(worker, effect)
        self.team.keep_pace()
        ticket = self._base + self.session.store.add(f"tickets of part {self._part}", 1) - 1
        return self.team.take(effect.replica, ticket)
