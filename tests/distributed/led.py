"""A run led by rank 0, whose other ranks are threads with teams of their own: all that processes do, but for those."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import methods
from benchmarks.executors.distributed.executor import FollowingExecutor, LeadingExecutor
from benchmarks.executors.errors import Stalled, WorkerFailed, WorkersStuck
from tests.conformance.small import Small
from tests.distributed.together import EVERY_SECONDS, sessions

Options = Mapping[str, Any] | None


@contextmanager
def led(method: str, options: Options = None, settings: Options = None) -> Iterator[Small]:
    """Rank 0's training, while the others take part. `raised` lists what they failed of."""
    algorithm = methods.create(method, options)
    lead, *others = sessions(algorithm.replicas, lambda team: algorithm.workers(team))
    training = Small(method, options, executor="threads", settings=settings)
    training.executor = leader = LeadingExecutor(training.team, lead)
    leader.watch.every_seconds = EVERY_SECONDS
    training.raised = []  # type: ignore[attr-defined]

    def follow(follower: Small, session: Any) -> None:
        follower.batches_used = training.batches_used
        executor = FollowingExecutor(follower.team, session)
        executor.watch.every_seconds = EVERY_SECONDS
        session.publish_ready()
        try:
            executor.follow()
        except (WorkerFailed, Stalled, WorkersStuck) as error:
            training.raised.append(error)  # type: ignore[attr-defined]
        finally:
            session.close()

    teams = [Small(method, options, executor="threads", settings=settings) for _ in others]  # torch has one generator
    threads = [
        threading.Thread(target=follow, args=of, name=f"rank {of[1].rank}") for of in zip(teams, others, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield training
    finally:
        lead.publish("over", True)
        for thread in threads:
            thread.join()
        lead.close()
