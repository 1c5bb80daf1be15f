"""GPUs, with a torch that pretends to see some."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from benchmarks.commands.choose import usable_device
from benchmarks.errors import UserError
from benchmarks.runner import environment, gpus
from benchmarks.runner.choices import Choices
from benchmarks.runner.gpus import Gpus
from benchmarks.runner.processes import pool, process
from benchmarks.runner.processes.messages import Ended, Setting
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table

See = Callable[..., None]


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> See:
    """Returns see("a", "b"), which makes torch see GPUs of these names, with a driver."""

    def pretend(*names: str, capability: tuple[int, int] = (9, 0)) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: names[index])
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(names))
        genuine = os.path.exists
        monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/nvidiactl" or genuine(path))

    return pretend


def answers(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Replaces nvidia-smi by one that returns or raises this answer."""

    def run(command: list[str], **how: Any) -> Any:
        assert command[0] == "nvidia-smi"
        assert how["timeout"] > 0
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, answer[0], answer[1], "")

    monkeypatch.setattr(subprocess, "run", run)


def test_gpus_of_one_kind_are_found(see: See) -> None:
    see("NVIDIA H200", "NVIDIA H200")
    assert gpus.detect() == Gpus("NVIDIA H200", 2)
    assert usable_device("cuda") == usable_device("auto") == "cuda"


def test_tf32_needs_a_gpu_that_has_it(see: See) -> None:
    """On others torch would compute in float32 while the record says TF32."""
    chosen = Choices(seeds=(0,), device="cuda", settings={"workload": {"precision": "tf32"}})
    see("NVIDIA H200")
    assert resolve(table("table3"), chosen).runs[0].spec.workload.document()["precision"] == "tf32"
    see("Tesla V100", capability=(7, 0))
    with pytest.raises(UserError, match="precision=tf32: the Tesla V100 has no TF32"):
        resolve(table("table3"), chosen)


def test_gpus_that_differ_are_no_one_hardware(see: See) -> None:
    see("NVIDIA H200", "NVIDIA T400")
    for device in ("cuda", "auto"):
        with pytest.raises(UserError, match=r"differ \(0: NVIDIA H200, 1: NVIDIA T400\).*CUDA_VISIBLE_DEVICES=0"):
            usable_device(device)
    assert usable_device("cpu") == "cpu"


def test_a_missing_gpu_is_reported(see: See) -> None:
    see()
    with pytest.raises(UserError, match="torch sees no GPU"):
        gpus.detect()
    with pytest.raises(UserError, match="no CUDA device is usable here"):
        usable_device("cuda")
    assert usable_device("auto") == "cpu"


@pytest.mark.parametrize(
    ("visible", "chosen", "then"),
    [("", ["0", "2"], "0,2"), ("", ["1"], "1"), ("4, 7,GPU-a", ["2", "0"], "GPU-a,4")],
)
def test_gpus_are_numbered_as_the_command_sees_them(
    visible: str, chosen: list[str], then: str, see: See, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that it starts see no others."""
    see(*["NVIDIA H200"] * len(chosen))
    monkeypatch.setenv(gpus.VISIBLE, visible)
    assert usable_device("auto", chosen) == "cuda"
    assert os.environ[gpus.VISIBLE] == then
    assert gpus.each() == tuple(then.split(","))


@pytest.mark.parametrize(
    ("device", "chosen", "complaint"),
    [
        ("cuda", ["a"], "--devices a: give the numbers of GPUs"),
        ("cuda", ["0", "00"], "name each GPU once; --per-device trains several runs on each"),
        ("cuda", ["2"], r"--devices 2: there are the GPUs of CUDA_VISIBLE_DEVICES=4,7, which are 0 to 1 here"),
        ("auto", ["0", "1"], "--devices 0,1: torch sees 1 of these GPUs here"),
        ("cpu", ["0"], "--devices 0: runs on the CPU have no GPUs"),
    ],
)
def test_gpus_that_are_not_there_are_refused(
    device: str, chosen: list[str], complaint: str, see: See, monkeypatch: pytest.MonkeyPatch
) -> None:
    see("NVIDIA H200")
    monkeypatch.setenv(gpus.VISIBLE, "4,7")
    with pytest.raises(UserError, match=complaint):
        usable_device(device, chosen)


def test_the_environment_has_the_gpus_on_cuda_alone(see: See, monkeypatch: pytest.MonkeyPatch) -> None:
    see("NVIDIA H200", "NVIDIA H200")
    monkeypatch.setattr(gpus, "driver", lambda: "570.1")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91000)
    assert environment.describe("cuda")["gpu"] == {
        "name": "NVIDIA H200", "count": 2, "driver": "570.1", "cuda": "13.2", "cudnn": 91000
    }  # fmt: skip
    assert "gpu" not in environment.describe()


# ---- runs side by side


@pytest.mark.parametrize(
    ("visible", "values"),
    [(None, ("0", "1")), ("", ("0", "1")), ("2,5", ("2", "5")), ("GPU-a, GPU-b,-1,3", ("GPU-a", "GPU-b"))],
)
def test_a_process_is_shown_one_of_the_gpus_that_the_command_sees(
    visible: str | None, values: tuple[str, ...], see: See, monkeypatch: pytest.MonkeyPatch
) -> None:
    see("NVIDIA H200", "NVIDIA H200")
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(gpus.VISIBLE, visible)
    assert gpus.each() == values


class Pretender:
    """A process that ends each run at once, or dies at it. started: GPUs of each process."""

    started: ClassVar[list[tuple[str, ...]]] = []
    deaths: ClassVar[set[str]] = set()
    lost = ""

    def __init__(self, setting: Setting, variables: Mapping[str, str]) -> None:
        self.pipe, self._theirs = multiprocessing.Pipe()
        self.gpus, self.variables, self.run = setting.gpus, variables, None
        self.process = SimpleNamespace(join=lambda seconds=0.0: None, is_alive=lambda: False, exitcode=-9)
        self.started.append(setting.gpus)

    def begin(self, run: Any) -> None:
        self.run = run
        if run.id in self.deaths:
            self._theirs.close()
        else:
            self._theirs.send(Ended(run.id, "finished"))

    def dismiss(self) -> None: ...

    def join(self, seconds: float = 0.0) -> None: ...


def spread(monkeypatch: pytest.MonkeyPatch, visible: tuple[str, ...], *, jobs: int, deaths: str = "") -> list[Any]:
    """Returns the GPUs of each process that trains runs a to f, in the order of their starts."""
    monkeypatch.setattr(Pretender, "started", [])
    monkeypatch.setattr(Pretender, "deaths", set(deaths))
    monkeypatch.setattr(pool, "TrainingProcess", Pretender)
    monkeypatch.setattr(pool, "variables_of", lambda run, jobs: {})
    runs: Any = [
        SimpleNamespace(id=id, spec=SimpleNamespace(executor="virtual", seed=0), labels=None) for id in "abcdef"
    ]
    ended = pool.train_all(runs, Setting(Path(), None, {}, (), {}, visible), jobs=jobs, listen=lambda event: None)
    assert len(ended) == len(runs)
    return Pretender.started


def test_jobs_are_spread_over_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spread(monkeypatch, ("2", "5"), jobs=3) == [("2",), ("5",), ("2",)]
    assert spread(monkeypatch, ("2", "5"), jobs=1) == [("2",)]
    assert spread(monkeypatch, (), jobs=2) == [(), ()]


def test_a_new_process_takes_the_gpu_of_one_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spread(monkeypatch, ("0", "1"), jobs=2, deaths="b") == [("0",), ("1",), ("1",)]


@pytest.mark.parametrize(("seen", "visible"), [(("5",), "5"), ((), "2,5")])
def test_a_process_sees_its_gpu_before_anything_asks_for_one(
    seen: tuple[str, ...], visible: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the environment, since torch.cuda.set_device holds for one thread, and every worker has its own."""
    visible_in_process: list[str | None] = []
    monkeypatch.setenv(gpus.VISIBLE, "2,5")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(process, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(process, "serve", lambda *_: visible_in_process.append(os.environ.get(gpus.VISIBLE)))
    pipe: Any = None
    process.main(pipe, Setting(Path(), None, {}, (), {}, seen))
    assert visible_in_process == [visible]


@pytest.mark.cuda
def test_the_gpu_that_is_here_is_described() -> None:
    described = gpus.describe()
    assert described["name"]
    assert described["count"] >= 1
    assert described["driver"]
    assert described["cudnn"] >= 8000
    assert gpus.detect() == Gpus(described["name"], described["count"], gpus.detect().tf32)
