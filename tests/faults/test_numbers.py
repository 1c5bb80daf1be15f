"""A loss that is no number: the run has diverged, which is a result, in the epoch in which it did."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from benchmarks.workloads.data.images.in_memory import ImageBatches
from methods.registry import own
from tests.commands.commands import Cli, tiny
from tests.faults.counting import Attempt
from tests.results.samples import records

SHORT = ("run", "table1", f"--method={','.join(own())}", "--no-tracking", *tiny(epochs=3))


@pytest.mark.faults
@pytest.mark.fault("not-a-number")
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_every_method_has_diverged_in_the_epoch_of_the_fault(
    attempt: Attempt, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    batch, step = ImageBatches.batch, attempt.random.randrange(3)  # of the epoch; the fourth may be no full one

    def poisoned(self: ImageBatches, epoch: int, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, labels = batch(self, epoch, index)
        return (inputs.fill_(value) if (epoch, index) == (1, step) else inputs), labels

    monkeypatch.setattr(ImageBatches, "batch", poisoned)
    cli.ok(*SHORT)
    run_records = records(tmp_path / "out")
    assert {record.spec.method.name for record in run_records} == set(own())
    assert {(record.status, len(record.evaluations)) for record in run_records} == {("diverged", 2)}
    attempt.cases = len(run_records)
