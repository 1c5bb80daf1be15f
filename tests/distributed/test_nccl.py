"""NCCL: how it is called, by a stand-in here; and itself where there are two GPUs."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.executors.distributed import place
from benchmarks.executors.distributed.transport import dist
from benchmarks.executors.errors import WorkerFailed
from tests.commands.commands import CHECKOUT, tiny
from tests.conformance.small import Small, bits
from tests.distributed.led import led
from tests.distributed.processes import TIMEOUT_SECONDS
from tests.distributed.test_processes import RUN, journals
from tests.programs import start


class StandIn:
    """Stands for ProcessGroupNCCL on two ranks that are threads. calls: how many were made."""

    calls = 0
    meeting: threading.Barrier
    tensors: dict[int, Tensor]
    failing = False

    def __init__(self, store: Any, rank: int, ranks: int) -> None:
        self.rank = rank

    def allreduce(self, tensors: list[Tensor], options: Any) -> StandIn:
        if StandIn.failing:
            raise RuntimeError("NCCL error: unhandled system error")
        StandIn.calls += 1
        StandIn.tensors[self.rank] = tensors[0].clone()
        StandIn.meeting.wait(TIMEOUT_SECONDS)
        tensors[0].copy_(StandIn.tensors[0] + StandIn.tensors[1])
        StandIn.meeting.wait(TIMEOUT_SECONDS)
        return self

    def wait(self) -> None:
        pass

    def abort(self) -> None:
        StandIn.meeting.abort()


@pytest.fixture(autouse=True)
def _stand_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "cuda" not in request.keywords:
        StandIn.calls, StandIn.meeting, StandIn.tensors, StandIn.failing = 0, threading.Barrier(2), {}, False
        monkeypatch.setattr(dist, "ProcessGroupNCCL", StandIn, raising=False)
        monkeypatch.setattr(place, "backend", lambda *args, **options: "nccl")


def test_gradients_by_nccl_are_those_of_one_process() -> None:
    alone = Small("ddp", {"devices": 2})
    alone.epoch(0)
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
        assert bits(training.team) == bits(alone.team)
    assert StandIn.calls == training.team.steps_per_epoch  # a bucket a step and rank


def test_an_error_of_nccl_ends_the_run() -> None:
    with led("ddp", {"devices": 2}) as training:
        StandIn.failing = True
        with pytest.raises(WorkerFailed, match="NCCL error"):
            training.epoch(0)


@pytest.mark.cuda
@pytest.mark.distributed
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_train_by_nccl(tmp_path: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "BENCHMARKS_RANK_BACKEND": "nccl"}
    chosen = ("--device", "cuda", "--out", str(tmp_path))
    done = start([sys.executable, *torchrun, *RUN, *tiny(), *chosen], env=environment)
    output, errors = done.communicate()
    assert done.returncode == 0, output + errors
    assert [lines[-1]["status"] for lines in journals(tmp_path)] == ["finished"]
