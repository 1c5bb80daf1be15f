"""NCCL: its order of calls, waits and events held to a stand-in here, and to itself where there are two GPUs."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.executors.distributed import rank as ranks
from benchmarks.executors.distributed.transport import LinkLost, NcclTransport, dist, wait_all
from benchmarks.executors.errors import WorkerFailed
from tests.commands.commands import CHECKOUT, tiny
from tests.conformance.small import Small, bits
from tests.distributed.led import led
from tests.distributed.processes import TIMEOUT_SECONDS
from tests.distributed.test_processes import RUN, journals
from tests.programs import start


class StandIn:
    """ProcessGroupNCCL of ranks in threads. calls: the threads that made them, and the stream that was theirs."""

    calls: list[tuple[str, Any]]
    meeting: threading.Barrier
    rows: dict[int, Tensor]
    failing = False

    def __init__(self, store: Any, rank: int, size: int) -> None:
        self.rank = rank

    def allgather(self, outputs: list[list[Tensor]], inputs: list[Tensor]) -> StandIn:
        if StandIn.failing:
            raise RuntimeError("NCCL error: unhandled system error")
        StandIn.calls.append((threading.current_thread().name, Streams.now.stream))
        StandIn.rows[self.rank] = inputs[0]
        StandIn.meeting.wait(TIMEOUT_SECONDS)
        for rank, output in enumerate(outputs[0]):
            output.copy_(StandIn.rows[rank])
        StandIn.meeting.wait(TIMEOUT_SECONDS)
        return self

    def wait(self) -> None:
        pass

    def abort(self) -> None:
        StandIn.meeting.abort()


class Event:
    waited = 0

    def synchronize(self) -> None:
        Event.waited += 1


class _Now(threading.local):
    stream: Any = None


class Streams:
    """A device's, of which all is done at once."""

    now = _Now()

    def stream(self) -> str:
        return "NCCL's"

    def current(self) -> Any:
        return self.now.stream

    def use(self, stream: Any) -> None:
        self.now.stream = stream

    def event(self, *, timed: bool = False) -> Event:
        return Event()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    StandIn.calls, StandIn.meeting, StandIn.rows, StandIn.failing = [], threading.Barrier(2), {}, False
    Event.waited = 0
    monkeypatch.setattr(dist, "ProcessGroupNCCL", StandIn, raising=False)

    def carry(self: ranks.RankExecutor) -> NcclTransport:
        if self._gradient_transport is None:
            streams: Any = Streams()
            session, device = self.session, torch.device("cpu")
            self._gradient_transport = NcclTransport(session.store, session.transport, device, streams)
        assert isinstance(self._gradient_transport, NcclTransport)
        return self._gradient_transport

    monkeypatch.setattr(ranks.RankExecutor, "_choose_transport", carry)


@pytest.mark.usefixtures("stand_in")
def test_gradients_by_nccl_are_those_of_one_process() -> None:
    """One call a step and rank, all by communication threads and on the stream of their own."""
    alone = Small("ddp", {"devices": 2})
    alone.epoch(0)
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
        assert bits(training.team) == bits(alone.team)
    assert {(thread.partition("_")[0], stream) for thread, stream in StandIn.calls} == {("communication", "NCCL's")}
    assert len(StandIn.calls) == training.team.steps_per_epoch
    layers = len(training.team.replica.layers)
    filled, came, read = layers * len(StandIn.calls), len(StandIn.calls), len(StandIn.calls) - 2  # a rank's last step's
    assert Event.waited == filled + came + read


@pytest.mark.usefixtures("stand_in")
def test_an_error_of_nccl_ends_the_run() -> None:
    with led("ddp", {"devices": 2}) as training:
        StandIn.failing = True
        with pytest.raises(WorkerFailed, match="The connection between ranks is lost: NCCL error"):
            training.epoch(0)


@pytest.mark.usefixtures("stand_in")
def test_what_comes_after_an_abort_counts_for_nothing() -> None:
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
        executor: Any = training.executor
        carrier = executor._choose_transport()
        StandIn.meeting, StandIn.rows = threading.Barrier(1), {1: torch.zeros(8, dtype=torch.uint8)}
        task = carrier.send_rows(0, torch.zeros(2, 8, dtype=torch.uint8))
        task.result(TIMEOUT_SECONDS)
        carrier.abort()
        with pytest.raises(LinkLost):
            wait_all([task])


@pytest.mark.cuda
@pytest.mark.distributed
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_train_by_nccl(tmp_path: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "BENCHMARKS_RANK_BACKEND": "nccl"}
    chosen = ("--device", "cuda", "--out", str(tmp_path))
    done = start([sys.executable, *torchrun, *RUN, *tiny(), *chosen], env=environment)
    said, errors = done.communicate()
    assert done.returncode == 0, said + errors
    assert [lines[-1]["status"] for lines in journals(tmp_path)] == ["finished"]
