"""The hour's order, its budget and its records, with steps that are made up."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import gpu_hour


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """Options of a call, whose steps run in this process: the first one fits, the second fails, the third is left."""

    def fails(arguments: argparse.Namespace) -> gpu_hour.Rows:
        raise RuntimeError("no")

    steps = {
        "one": (lambda _: [{"what": "a|b", "ms": 1.23456}], 1.0),
        "two": (fails, 1.0),
        "long": (fails, 1e4),
    }
    monkeypatch.setattr(gpu_hour, "STEPS", steps)
    options = argparse.Namespace(
        out=tmp_path, device="cpu", minutes=1.0, only=["one", "two"], retry=False, commit="abc"
    )

    def here(command: Sequence[str], log: Path, limit_seconds: float) -> None:
        gpu_hour.carry_out(command[-1], options)

    monkeypatch.setattr(gpu_hour, "in_own_process", here)
    return options


def test_a_later_call_repeats_what_failed_on_request_alone(
    arguments: argparse.Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gpu_hour.call(arguments) == 1
    assert {name: record["status"] for name, record in gpu_hour.read(arguments.out).items()} == {
        "one": "finished",
        "two": "failed",
    }
    capsys.readouterr()
    assert gpu_hour.call(arguments) == 1
    assert not capsys.readouterr().out
    arguments.retry = True
    gpu_hour.call(arguments)
    assert capsys.readouterr().out.startswith("two: failed")


def test_a_call_stops_before_what_does_not_fit(arguments: argparse.Namespace) -> None:
    arguments.minutes = 0.0
    assert gpu_hour.call(arguments) == 0
    assert not gpu_hour.read(arguments.out)


def test_a_folder_of_another_device_is_refused(arguments: argparse.Namespace) -> None:
    gpu_hour.write(arguments, "one", "finished", "", 1.0, [])
    path = gpu_hour.file_of(arguments.out, "one")
    path.write_text(json.dumps({**json.loads(path.read_text()), "device": "cuda"}))
    with pytest.raises(ValueError, match="another device"):
        gpu_hour.call(arguments)


def test_the_summary_has_every_step_and_says_what_was_not_reached(arguments: argparse.Namespace) -> None:
    gpu_hour.call(arguments)
    text = "\n".join(gpu_hour.summary(gpu_hour.read(arguments.out)))
    assert r"| a\|b | 1.235 |" in text
    assert "Not reached: long." in text


def test_a_process_is_gone_when_its_limit_has_passed(tmp_path: Path) -> None:
    began_at = time.monotonic()
    gpu_hour.in_own_process(["sleep", "600"], tmp_path / "logs" / "a", 0.1)
    gpu_hour.in_own_process(["echo", "done"], tmp_path / "logs" / "b", 60.0)
    assert time.monotonic() - began_at < 60
    assert (tmp_path / "logs" / "b").read_text() == "done\n"


@pytest.mark.slow
def test_a_real_step_leaves_its_record(checkout: Path, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path), "--device", "cpu", "--only", "speed-float32"]
    command = [sys.executable, "tools/gpu_hour.py", *options]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "02-speed-float32.json").read_text())
    assert record["status"] == "finished"
    assert record["rows"][0]["what"] == "virtual BP"


def test_a_longer_training_has_more_time() -> None:
    first, second = (argparse.Namespace(device="cuda", epochs=epochs) for epochs in (5, 150))
    assert gpu_hour.expected_seconds("table1", second) == 30 * gpu_hour.expected_seconds("table1", first)
    assert gpu_hour.expected_seconds("tests", second) == gpu_hour.expected_seconds("tests", first)
