"""GPUs, by a torch that pretends to see some."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.commands.resolve import usable_device
from benchmarks.errors import UserError
from benchmarks.runner import environment, gpus
from benchmarks.runner.gpus import Gpus

See = Callable[..., None]


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> See:
    """see("a", "b"): torch sees GPUs of these names, and a driver is there."""

    def pretend(*names: str) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: names[index])
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(names))
        genuine = os.path.exists
        monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/nvidiactl" or genuine(path))

    return pretend


def answers(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """What nvidia-smi says, or raises."""

    def run(command: list[str], **how: Any) -> Any:
        assert command[0] == "nvidia-smi"
        assert how["timeout"] > 0
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, answer[0], answer[1], "")

    monkeypatch.setattr(subprocess, "run", run)


def test_gpus_of_one_kind_are_found(see: See) -> None:
    see("NVIDIA H200", "NVIDIA H200")
    assert gpus.found() == Gpus("NVIDIA H200", 2)
    assert usable_device("cuda") == usable_device("auto") == "cuda"


def test_gpus_that_differ_are_no_one_hardware(see: See) -> None:
    see("NVIDIA H200", "NVIDIA T400")
    for device in ("cuda", "auto"):
        with pytest.raises(UserError, match=r"differ \(0: NVIDIA H200, 1: NVIDIA T400\).*CUDA_VISIBLE_DEVICES=0"):
            usable_device(device)
    assert usable_device("cpu") == "cpu"


def test_no_gpu_is_said(see: See) -> None:
    see()
    with pytest.raises(UserError, match="torch sees no GPU"):
        gpus.found()
    with pytest.raises(UserError, match="no CUDA device is usable here"):
        usable_device("cuda")
    assert usable_device("auto") == "cpu"


def test_one_of_several_gpus_is_chosen_by_what_is_visible() -> None:
    with pytest.raises(UserError, match=r"CUDA_VISIBLE_DEVICES=1, and say --device cuda\."):
        usable_device("cuda:1")


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ((0, "570.124.06\n570.124.06\n"), "570.124.06"),
        ((0, ""), None),
        ((9, "NVIDIA-SMI has failed"), None),
        (FileNotFoundError(), None),
        (subprocess.TimeoutExpired("nvidia-smi", 10), None),
    ],
)
def test_the_driver_is_asked_for_and_may_not_answer(
    answer: Any, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, answer)
    assert gpus.driver() == version


def test_the_environment_has_the_gpus_on_cuda_alone(see: See, monkeypatch: pytest.MonkeyPatch) -> None:
    see("NVIDIA H200", "NVIDIA H200")
    monkeypatch.setattr(gpus, "driver", lambda: "570.1")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91000)
    assert environment.describe("cuda")["gpu"] == {
        "name": "NVIDIA H200", "count": 2, "driver": "570.1", "cuda": "13.2", "cudnn": 91000
    }  # fmt: skip
    assert "gpu" not in environment.describe()


def test_a_plan_for_the_cpu_imports_no_torch(checkout: Path) -> None:
    program = (
        "import sys; from benchmarks.runner import plan; from benchmarks.runner.choices import Choices; "
        "from benchmarks.tables.registry import table; plan.runs(table('table3'), Choices(seeds=1)); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
