"""A kept run and its second training: which runs must be equal, and which metrics are compared."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from benchmarks.runner.environment import cpu_name
from benchmarks.runner.identity import torch_minor
from benchmarks.workloads.instructions import PORTABLE
from results.records import Record
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


def recorded(instructions: str, environment: dict[str, str], executor: str = "virtual") -> Record:
    workload = SimpleNamespace(instructions=instructions)
    spec = SimpleNamespace(torch=torch_minor(), executor=executor, workload=workload)
    return cast(Record, SimpleNamespace(spec=spec, environment=environment))
