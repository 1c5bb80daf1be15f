"""The distributed executor: one process per device. Rank 0 leads; the others carry out what it orders.

All ranks build the same team from the same seeds. During a part of an epoch each rank's own replica is current in its
team, and no other; at the end of the part rank 0's team has all replicas.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.errors import UserError
from benchmarks.executors.distributed import report
from benchmarks.executors.distributed.cross_device import cross_device_channels
from benchmarks.executors.distributed.rank import RankExecutor
from benchmarks.executors.distributed.report import PartOrder, Report
from benchmarks.executors.distributed.session import current_session
from benchmarks.executors.distributed.transport import LinkLost
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import Team, checked
from benchmarks.executors.threads.executor import ThreadsExecutor
from benchmarks.hardware.price import Price
from methods import effects as e


class LeadingExecutor(RankExecutor):
    """Runs rank 0's workers, orders each part of the run from the other ranks, and merges their reports."""

    parts = 0
    loaded = False
    gathering_seconds = 0.0  # of the last part's end, when all workers had ended

    def resume(self, now: float | None) -> None:
        """Notes that rank 0 has loaded a checkpoint: the next order sends the other ranks their replicas."""
        self.loaded = True

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs this rank's workers while the others run theirs; returns once all have ended and all reports are merged.

        Raises WorkerFailed or Stalled, of any rank's workers; UserError where a rank cannot take part.
        """
        team, session = self.torch_team, self.session
        if not self.parts:
            session.await_ready()
        self.parts += 1
        (order, loaded), losses = report.make_order(team, loaded=self.loaded), len(team.losses)
        cross_device = cross_device_channels(session.workers, team)
        if self.parts == 1:
            session.choose_backend(cross_device.groups)
        session.publish(f"part {self.parts}", order)  # before: ranks connect when they hear of it
        with self.part(cross_device, taken=sum(team.accounts.taken)):
            for peer, tensors in loaded.items():
                report.send(session.transport, peer, tensors)
            self.loaded = False
            super().run(workers)
            self._collect(order, losses)

    def _collect(self, order: PartOrder, losses: int) -> None:
        """Waits for the other ranks' reports and tensors, and merges them.

        losses: how many there were before the part.
        """
        transport, tensors = self.session.transport, {}
        reports = {
            peer: self.session.wait_for(f"report {self.parts} of {peer}", Report, self._monitor.check)
            for peer in transport.others
        }
        begun = time.perf_counter()
        try:
            for peer in transport.others:
                tensors[peer] = report.receive(transport, peer, reports[peer])
        except LinkLost as error:
            raise self.watch.cause(error) from None
        report.merge(self.torch_team, order, reports, tensors, losses)
        self.gathering_seconds = time.perf_counter() - begun


class FollowingExecutor(RankExecutor):
    """Runs the workers of a rank other than 0, part by part, as rank 0 orders."""

    def follow(self) -> None:
        """Carries out rank 0's orders until it says that the run is over.

        Raises WorkerFailed, Stalled or WorkersStuck, once rank 0 was told.
        """
        team, session, part = self.torch_team, self.session, 1
        while (order := session.next_part(part, PartOrder)) is not None:
            report.apply_order(team, order)
            with self.part(cross_device_channels(session.workers, team), taken=sum(order.counts.taken)):
                if (replica := order.replicas.get(session.rank)) is not None:
                    report.restore(team, session.rank, replica, report.receive(session.transport, 0, replica))
                self.run(session.workers(team))
                message, tensors = report.make_report(team, session.rank)
                session.publish(f"report {part} of {session.rank}", message)
                report.send(session.transport, 0, tensors)
            part += 1


def build(team: Team, price: Price | None, threads: int) -> ThreadsExecutor:
    """Makes this rank's executor for the run that its process is at: the function that the registry calls.

    price is ignored, since seconds are real. Raises UserError where this process is no rank.
    """
    session = current_session()
    if session is None:
        raise UserError("--executor distributed trains in ranks: `run` starts them, or torchrun or srun does.")
    if session.ranks == 1:
        return ThreadsExecutor(team, threads=threads)
    executor_class = FollowingExecutor if session.rank else LeadingExecutor
    return executor_class(checked(TorchTeam, team), session, threads=threads)
