"""Several processes, a device each: rank 0 leads, and the others take part in what it says comes next.

All build the same team from the same seeds; each is right of its own replica while a part of an epoch is under way,
and rank 0's is right of all of them after it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.errors import UserError
from benchmarks.executors.distributed import report, session
from benchmarks.executors.distributed.homes import crossings_of
from benchmarks.executors.distributed.rank import RankExecutor
from benchmarks.executors.distributed.report import PartOrder, Report
from benchmarks.executors.distributed.wire import LinkLost
from benchmarks.executors.team import Team
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
        team, joint = self.torch_team, self.joint
        if not self.parts:
            joint.await_ready()
        self.parts += 1
        (given, loaded), losses = report.order(team, loaded=self.loaded), len(team.losses)
        crossings = crossings_of(joint.workers, team)
        if self.parts == 1:
            joint.choose_backend(crossings.groups)
        joint.say(f"part {self.parts}", given.model_dump(mode="json"))  # before: ranks connect when they hear of it
        with self.part(crossings, taken=sum(team.accounts.taken)):
            for peer, tensors in loaded.items():
                report.send(joint.wire, peer, tensors)
            self.loaded = False
            super().run(workers)
            self._collect(given, losses)

    def _collect(self, given: PartOrder, losses: int) -> None:
        wire, tensors = self.joint.wire, {}
        told = {peer: self.joint.wait_for(f"report {self.parts} of {peer}", self.check) for peer in wire.others}
        reports, begun = {peer: Report.model_validate(one) for peer, one in told.items()}, time.perf_counter()
        try:
            for peer in wire.others:
                tensors[peer] = report.receive(wire, peer, reports[peer].tensors)
        except LinkLost as error:
            raise self.watch.cause(error) from None
        report.merge(self.torch_team, given, reports, tensors, losses)
        self.gathering_seconds = time.perf_counter() - begun


class FollowingExecutor(RankExecutor):
    """Another rank's, of a run."""

    def follow(self) -> None:
        """Take part until rank 0 says that the run is over.

        Raises WorkerFailed, Stalled or WorkersStuck after rank 0 has heard of it.
        """
        team, joint, part = self.torch_team, self.joint, 1
        while (told := joint.next_part(part)) is not None:
            given = PartOrder.model_validate(told)
            report.obey(team, given)
            with self.part(crossings_of(joint.workers, team), taken=sum(given.counts.taken)):
                if (mine := given.replicas.get(joint.rank)) is not None:
                    report.restore(team, joint.rank, mine, report.receive(joint.wire, 0, mine.tensors))
                self.run(joint.workers(team))
                made, tensors = report.report(team, joint.rank)
                joint.say(f"report {part} of {joint.rank}", made.model_dump(mode="json"))
                report.send(joint.wire, 0, tensors)
            part += 1


def build(team: Team, price: Price | None, threads: int) -> ThreadsExecutor:
    """For the registry: this rank's, of the run that it is at. Real seconds have no price."""
    joint = session.current()
    if joint is None:
        raise UserError("--executor distributed trains in ranks: `run` starts them, or torchrun or srun does.")
    if joint.ranks == 1:
        return ThreadsExecutor(team, threads=threads)
    made = FollowingExecutor if joint.rank else LeadingExecutor
    return made(team, joint, threads=threads)  # type: ignore[arg-type]
