"""Ranks in processes of their own, which train the suite's small networks; rank 0 is the test's."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import torch

import methods
from benchmarks.executors.distributed.executor import FollowingExecutor
from benchmarks.executors.distributed.place import RankPlace
from benchmarks.executors.distributed.session import RankCommand, serve, session_entered
from benchmarks.executors.errors import Stalled, WorkerFailed
from methods import Program, Replica, Team, register
from methods.lsgd import LocalSGD
from tests.conformance.small import Small

TIMEOUT_SECONDS = 600.0  # no test's verdict: a process may take long to begin


def known() -> None:
    """L-SGD whose second device ends in its second epoch as the options say; registered once in a process."""
    if "ending" not in methods.names():
        register(title="L-SGD that ends", source="made up", name="ending")(Ending)


class Ending(LocalSGD):
    """A rank that raises (`period=3`), is killed (4) or stopped (5)."""

    name, title, source, file = "ending", "", "", __file__

    def trainer(self, team: Team, replica: Replica, everyone: Any) -> Program:
        if team.epoch == 1 and replica.index == 1 and hasattr(team, "losses"):
            if self.options.period == 3:
                raise ArithmeticError("broken on purpose")
            os.kill(os.getpid(), signal.SIGKILL if self.options.period == 4 else signal.SIGSTOP)
        yield from super().trainer(team, replica, everyone)


class Ranks:
    """Those of a test, rank 0's side."""

    def __init__(self, ranks: int, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        known()
        self.store = serve("127.0.0.1")
        context = multiprocessing.get_context("spawn")
        self.processes = [
            context.Process(target=main, args=(rank, ranks, self.store.port, timeout_seconds), daemon=True)
            for rank in range(1, ranks)
        ]
        for process in self.processes:
            process.start()
        self.command = RankCommand(RankPlace(0, ranks, port=self.store.port), timeout_seconds)

    @contextlib.contextmanager
    def training(self, method: str, options: dict[str, Any], limit_seconds: float = TIMEOUT_SECONDS) -> Iterator[Small]:
        """Rank 0's, in which the others take part. limit_seconds: how long one may not be heard of."""
        spec = Small(method, options).spec.model_copy(update={"executor": "distributed"})
        with session_entered(self.command.begin(spec, "")) as session:
            session.await_ready()
            session.timeout_seconds = limit_seconds
            try:
                yield Small(method, options, executor="distributed")
            finally:
                session.publish("over", True)

    def end(self) -> None:
        self.command.store.set("over", "1")
        for process in self.processes:
            process.join(10)
            process.kill()


def main(rank: int, ranks: int, port: int, timeout_seconds: float) -> None:
    """Another rank's process."""
    torch.set_num_threads(1)
    known()
    command = RankCommand(RankPlace(rank, ranks, port=port), timeout_seconds)
    while (message := command.next()) is not None:
        number, spec = message
        method = methods.create(spec.method.name, spec.method.options)
        if rank < method.devices:
            with session_entered(command.session_of(number, method)) as session:
                training = Small(spec.method.name, spec.method.options, executor="distributed", seed=spec.seed)
                session.publish_ready()
                assert isinstance(training.executor, FollowingExecutor)
                with contextlib.suppress(WorkerFailed, Stalled):
                    training.executor.follow()
    sys.stdout.flush()
    os._exit(0)
