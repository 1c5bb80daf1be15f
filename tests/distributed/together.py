"""Ranks as threads of one process, which share a team: the conformance suite runs them as any other executor.

Each rank carries out its own device's workers alone, and meets the others over gloo as ranks in processes do. What is
left out is what rank 0 tells the others and puts together of their reports: processes are tested for that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from benchmarks.executors import registry
from benchmarks.executors.activity import Activity
from benchmarks.executors.distributed.cross_device import CrossDeviceChannels, cross_device_channels
from benchmarks.executors.distributed.rank import RankExecutor
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import dist
from benchmarks.executors.distributed.watch import RankFailed
from benchmarks.executors.registry import ExecutorKind
from methods import Method, Worker
from tests.conformance.small import PATIENCE_SECONDS

NAME = "ranks"
EVERY_SECONDS = 0.05


def sessions(ranks: int, workers: Any = None, timeout_seconds: float = 30.0) -> list[RankSession]:
    """Sessions of all ranks of a run, which meet at one store."""
    store = dist.HashStore()
    return [RankSession(store, 1, rank, ranks, workers, timeout_seconds=timeout_seconds) for rank in range(ranks)]


class Together:
    """All ranks of a run."""

    now = None
    method: Method  # set by the suite's runs

    def __init__(self, team: Any, threads: int = 1) -> None:
        self.team, self.threads, self.executors = team, threads, list[RankExecutor]()

    @property
    def activities(self) -> list[Activity]:
        return [activity for executor in self.executors for activity in executor.activities]

    def resume(self, now: float | None) -> None:
        pass

    def run(self, workers: Iterable[Worker]) -> None:
        workers, ranks = list(workers), len(self.team.replicas)
        cross_device = cross_device_channels(self.method.workers, self.team) if ranks > 1 else CrossDeviceChannels()
        rank_sessions = sessions(ranks)
        self.executors = [
            RankExecutor(self.team, session, threads=self.threads, grace_seconds=PATIENCE_SECONDS)
            for session in rank_sessions
        ]
        for executor in self.executors:
            executor.watch.every_seconds = EVERY_SECONDS
        failures: dict[int, BaseException] = {}
        batches_taken = sum(self.team.accounts.taken)

        def carry_out(executor: RankExecutor) -> None:
            own_workers = [worker for worker in workers if worker.device == executor.session.rank]
            try:
                with executor.part(cross_device, taken=batches_taken):
                    executor.run(own_workers)
                    barrier.wait(executor)
            except BaseException as error:
                failures[executor.session.rank] = error

        barrier = Barrier(rank_sessions)
        threads = [threading.Thread(target=carry_out, args=(executor,)) for executor in self.executors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for session in rank_sessions:
            session.close()
        if failures:
            raise min(failures.values(), key=lambda error: isinstance(error, RankFailed))


class Barrier:
    """Waits as rank 0 does for reports: nobody leaves before all have ended, or one has failed."""

    def __init__(self, rank_sessions: list[RankSession]) -> None:
        self.made = rank_sessions

    def wait(self, executor: RankExecutor) -> None:
        executor.session.publish(f"ended {executor.session.rank}", True)
        for rank in range(executor.session.ranks):
            executor.session.wait_for(f"ended {rank}", bool, executor._monitor.check)


def build(team: Any, price: object, threads: int) -> Together:
    """For the registry."""
    return Together(team, threads)


KIND = ExecutorKind(
    name=NAME,
    title="real seconds, ranks of one process",
    module=__name__,
    simulated=False,
    repeatable=False,
    needs_card=False,
    one_process=False,
    offered=False,
)


def registered() -> None:
    """Once in a process."""
    if NAME not in registry._kinds:
        registry.register(KIND)
