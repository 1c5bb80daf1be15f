"""Several processes, a device each: rank 0 leads, and the others take part in what it says comes next.

All build the same team from the same seeds. While a part of an epoch is under way, only a rank's own replica is current
in its team; after it, all are in rank 0's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.errors import UserError
from benchmarks.executors.distributed import report
from benchmarks.executors.distributed.homes import cross_device_channels
from benchmarks.executors.distributed.rank import RankExecutor
from benchmarks.executors.distributed.report import PartOrder, Report
from benchmarks.executors.distributed.session import current_session
from benchmarks.executors.distributed.transport import LinkLost
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import Team, narrowed
from benchmarks.executors.threads.executor import ThreadsExecutor
from benchmarks.hardware.price import Price
from methods import effects as e


class LeadingExecutor(RankExecutor):
    """Rank 0's, of a run."""

    parts = 0
    loaded = False
    gathering_seconds = 0.0  # of the last part's end, when all workers had ended

    def resume(self, now: float | None) -> None:
        """The team was loaded: the other ranks get their replicas of it."""
        self.loaded = True

    def run(self, workers: Iterable[e.Worker]) -> None:
        """This rank's workers, the others taking part, until all have ended and their ranks have reported.

        Raises WorkerFailed or Stalled, of any rank's workers; UserError where a rank cannot take part.
        """
        team, session = self.torch_team, self.session
        if not self.parts:
            session.await_ready()
        self.parts += 1
        (order, loaded), losses = report.order(team, loaded=self.loaded), len(team.losses)
        cross_device = cross_device_channels(session.workers, team)
        if self.parts == 1:
            session.choose_backend(cross_device.groups)
        session.say(f"part {self.parts}", order)  # before: ranks connect when they hear of it
        with self.part(cross_device, taken=sum(team.accounts.taken)):
            for peer, tensors in loaded.items():
                report.send(session.transport, peer, tensors)
            self.loaded = False
            super().run(workers)
            self._collect(order, losses)

    def _collect(self, order: PartOrder, losses: int) -> None:
        transport, tensors = self.session.transport, {}
        reports = {
            peer: self.session.wait_for(f"report {self.parts} of {peer}", Report, self.check)
            for peer in transport.others
        }
        begun = time.perf_counter()
        try:
            for peer in transport.others:
                tensors[peer] = report.receive(transport, peer, reports[peer].tensors)
        except LinkLost as error:
            raise self.watch.cause(error) from None
        report.merge(self.torch_team, order, reports, tensors, losses)
        self.gathering_seconds = time.perf_counter() - begun


class FollowingExecutor(RankExecutor):
    """Another rank's, of a run."""

    def follow(self) -> None:
        """Take part until rank 0 says that the run is over.

        Raises WorkerFailed, Stalled or WorkersStuck after rank 0 has heard of it.
        """
        team, session, part = self.torch_team, self.session, 1
        while (order := session.next_part(part, PartOrder)) is not None:
            report.apply_order(team, order)
            with self.part(cross_device_channels(session.workers, team), taken=sum(order.counts.taken)):
                if (replica := order.replicas.get(session.rank)) is not None:
                    report.restore(team, session.rank, replica, report.receive(session.transport, 0, replica.tensors))
                self.run(session.workers(team))
                made, tensors = report.report(team, session.rank)
                session.say(f"report {part} of {session.rank}", made)
                report.send(session.transport, 0, tensors)
            part += 1


def build(team: Team, price: Price | None, threads: int) -> ThreadsExecutor:
    """Makes this rank's, of the run that it is at, for the registry. Real seconds have no price."""
    session = current_session()
    if session is None:
        raise UserError("--executor distributed trains in ranks: `run` starts them, or torchrun or srun does.")
    if session.ranks == 1:
        return ThreadsExecutor(team, threads=threads)
    made = FollowingExecutor if session.rank else LeadingExecutor
    return made(narrowed(TorchTeam, team), session, threads=threads)
