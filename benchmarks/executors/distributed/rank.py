"""Runs one rank's workers on threads, with channels and collectives that reach the other ranks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Never

from benchmarks.executors.accounting import Gradient, Step, Weights
from benchmarks.executors.distributed.channels import MessageReceiver, RankChannels
from benchmarks.executors.distributed.collectives import RankCollectives
from benchmarks.executors.distributed.cross_device import CrossDeviceChannels, used_items
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import MESSAGES, LinkLost, gpu_uuid
from benchmarks.executors.distributed.watch import RankFailed, RankMonitor, RankWatch
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.threads.executor import GRACE_SECONDS, Handler, ThreadsExecutor
from benchmarks.executors.threads.monitor import WorkerTurn
from methods import effects as e

CROSS_RANK = (e.AllReduce, e.Average, e.Update, e.Accumulate, e.Compress, e.Outer, e.Put, e.Close)
"""Effects that may wait for other ranks."""


class RankExecutor(ThreadsExecutor):
    """Runs the workers of one rank's device. Only this rank's replica is current in `team`.

    threads: torch's intra-op threads of each worker. grace_seconds: as in ThreadsExecutor.
    """

    def __init__(
        self, team: TorchTeam, session: RankSession, *, threads: int = 1, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        super().__init__(team, threads=threads, grace_seconds=grace_seconds)
        self.torch_team, self.session = team, session
        self.watch = RankWatch(session)
        self._part, self._base, self._cross_device = 0, 0, CrossDeviceChannels()
        self._receiver: MessageReceiver | None = None
        session.gpu = gpu_uuid(team.device)
        self._latest_monitor: RankMonitor | None = None
        self._remote_failure: RankFailed | None = None
        self._making = threading.Lock()
        self._monitor: RankMonitor
        self._channels: RankChannels

    @contextlib.contextmanager
    def part(self, cross_device: CrossDeviceChannels, *, taken: int) -> Iterator[None]:
        """Prepares a part of an epoch and watches the other ranks within the block.

        taken: how many batches of the epoch were taken before this part.
        """
        self._part, self._base, self._cross_device = self._part + 1, taken, cross_device
        transport = self.session.transport
        try:
            if not transport.connected(MESSAGES):
                self.session.connect(MESSAGES)
        except RuntimeError as error:
            raise self.watch.cause(LinkLost(-1, error)) from None
        if self._receiver is None:  # also without such channels: it notices at once that a rank has ended
            self._receiver = MessageReceiver(
                transport, self.torch_team.replicas[transport.rank].layers, self._on_link_lost
            )
        with self.watch:
            try:
                yield
            except BaseException as error:  # a signal, too: nobody is to wait for this rank
                self.watch.report_failure(error)
                raise

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs the workers of this rank's device, within a `part`.

        Closes the other devices' programs, which have not begun.
        """
        workers = list(workers)
        for worker in workers:
            if worker.device != self.session.rank:
                worker.program.close()
        super().run([worker for worker in workers if worker.device == self.session.rank])

    def _thread_count(self, workers: int) -> int:
        """Returns one thread per worker: one that waits for another rank blocks its thread."""
        return workers

    def _make_monitor(self, turns: list[WorkerTurn]) -> RankMonitor:
        monitor = RankMonitor(turns, self.watch.report_failure)
        with self._making:
            self._latest_monitor = monitor
        if self._remote_failure is not None:
            monitor.fail(self._remote_failure)
        return monitor

    def _make_channels(self) -> RankChannels:
        session = self.session
        homes = self._cross_device.homes
        return RankChannels(
            self._monitor, self._traffic, self.torch_team, session.transport, homes, self._part, self._receiver
        )

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        team, session, channels_between = self.torch_team, self.session, self._cross_device.homes
        rounds = self._cross_device.rounds
        collectives = RankCollectives(team, self._monitor, self._traffic, session, rounds)
        handlers = super()._make_handlers() | {e.AllReduce: collectives.all_reduce, e.Average: collectives.average}

        def after_means(handler: Handler) -> Handler:
            """Returns the handler, called once the means are known that the effect uses."""

            def carry_out(worker: e.Worker, effect: e.Effect) -> object:
                for item in used_items(effect, channels_between):
                    collectives.wait_for_mean(worker, item)
                return handler(worker, effect)  # type: ignore[arg-type]  # the handler of its kind

            return carry_out

        def update_with_means(worker: e.Worker, effect: e.Update) -> None:
            if (clip := team.updates.clip) is not None and clip.all:
                for gradient in effect.gradients:
                    collectives.wait_for_mean(worker, gradient)
            self._traffic.reach(worker, effect)
            team.begin_update(effect.gradients)
            for gradients in collectives.grouped_by_arrival(worker, effect.gradients):
                team.apply_gradients(gradients, worker.name, time.perf_counter(), effect.replica, effect.scale)

        def compress_dense(worker: e.Worker, effect: e.Compress) -> tuple[Gradient, Weights]:
            sent, error = team.compress(effect, self._traffic.sizes)
            sent.sent_bytes = None  # an all-reduce sends all entries
            return sent, error

        handlers |= {e.Update: update_with_means, e.Compress: after_means(compress_dense)}
        handlers |= {kind: after_means(handlers[kind]) for kind in (e.Accumulate, e.Outer, e.Put)}
        channels = self._channels
        self._monitor.messages = lambda: (channels.sent, channels.received)
        self.watch.monitor = self._monitor
        between = {kind: self._explain_link_loss(handlers[kind]) for kind in CROSS_RANK}
        return handlers | between

    def _explain_link_loss(self, handler: Handler) -> Handler:
        """Returns the handler, with a lost connection raised as the failure of the rank at its other end."""

        def carry_out(worker: e.Worker, effect: Never) -> object:
            try:
                return handler(worker, effect)
            except LinkLost as error:
                raise self.watch.cause(error) from None

        return carry_out

    def _on_link_lost(self, error: LinkLost) -> None:
        """Fails the workers when a listening thread loses its connection.

        Also before the first part and between parts.
        """
        if self.session.closed:
            return
        failure = self.watch.cause(error)
        if not self.session.closed:
            with self._making:
                self._remote_failure, monitor = failure, self._latest_monitor
            if monitor is not None:
                monitor.fail(failure)

    def _next_batch(self, worker: e.Worker, effect: e.NextBatch) -> Step | None:
        if not effect.shared:
            return super()._next_batch(worker, effect)
        self.team.keep_pace()
        ticket = self._base + self.session.store.add(f"tickets of part {self._part}", 1) - 1
        return self.team.take(effect.replica, ticket)
