"""A kept run and its second training: which runs must be equal, and which metrics are compared."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from benchmarks.runner.choices import Choices
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.identity import torch_minor
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.workloads.instructions import PORTABLE
from results.records import Record
from tests.results.samples import finish
from tools import retrain


def test_a_metric_that_is_newer_than_the_run_is_no_difference() -> None:
    kept = {"test_loss": math.nan, "simulated_seconds": 2.0, "wall_seconds": 9.0}
    assert not retrain.unequal(kept, {"test_loss": math.nan, "simulated_seconds": 2.0, "sent_bytes": 8.0})
    assert len(retrain.unequal(kept, {"test_loss": 1.0, "sent_bytes": 8.0})) == 2


@pytest.mark.parametrize(("capability", "expected"), [("mine", True), ("another", False), (None, False)])
def test_bits_are_expected_of_the_same_instruction_set_alone(capability: str | None, expected: bool) -> None:
    mine = torch.backends.cpu.get_cpu_capability()
    environment = {"cpu": cpu_name()} | (
        {"cpu_capability": mine if capability == "mine" else capability} if capability else {}
    )
    assert retrain.is_of_this_machine(recorded("native", environment)) is expected


def test_bits_of_portable_instructions_are_expected_on_any_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    record = recorded("portable", {"cpu": "another", "cpu_capability": "AVX2"})
    for name, value in PORTABLE.items():
        assert not retrain.is_of_this_machine(record)
        monkeypatch.setenv(name, value)
    assert retrain.is_of_this_machine(record)
    assert not retrain.is_of_this_machine(recorded("portable", {}, executor="threads"))
    mine = {"cpu": cpu_name(), "cpu_capability": torch.backends.cpu.get_cpu_capability()}
    assert not retrain.is_of_this_machine(recorded("native", mine))


@pytest.mark.parametrize("missing", ["runs", "data"])
def test_what_is_missing_is_said_without_a_traceback(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if missing == "data":
        finish(tmp_path, resolve(table("table1"), Choices(scale="small", seeds=(0,))).runs[0])
    monkeypatch.setattr(retrain, "is_of_this_machine", lambda record: True)
    words = ["retrain.py", str(tmp_path), "--data", str(tmp_path), "--to", str(tmp_path / "bits"), "--sample", "1"]
    monkeypatch.setattr(sys, "argv", words)
    assert retrain.main() == 2
    assert str(tmp_path) in capsys.readouterr().err


def recorded(instructions: str, environment: dict[str, str], executor: str = "virtual") -> Record:
    workload = SimpleNamespace(instructions=instructions)
    spec = SimpleNamespace(torch=torch_minor(), executor=executor, workload=workload)
    return cast(Record, SimpleNamespace(spec=spec, environment=environment))
