"""A loss that is not finite ends the run at the next evaluation, naming its batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from benchmarks.runner import training
from results.records import Record, folder_of, read
from results.records.identity import run_id
from results.records.journal import Journal
from results.records.spec import Labels
from tests.conformance.small import Small, data

BATCH, EPOCH = 3, 1


class Poisoned(Small):
    """A run in which the loss of one batch of the second epoch is not finite."""

    def __init__(self, method: str, executor: str, value: float, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(method, executor=executor, settings=settings)
        sound, loss, poisoned = self.team.batches, self.team.loss_of, list[Tensor]()

        def batches(epoch: int, index: int) -> tuple[Tensor, Tensor]:
            inputs, targets = sound(epoch, index)
            poisoned.extend([targets] if (epoch, index) == (EPOCH, BATCH) else [])
            return inputs, targets

        def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
            return loss(outputs, targets) * (value if any(targets is poison for poison in poisoned) else 1.0)

        self.team.batches, self.team.loss_of = batches, loss_of


def ended(trained: Small, out: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Returns the record of the whole run."""
    monkeypatch.setattr(training, "Training", lambda *args, **kwargs: trained)
    id = run_id(trained.spec)
    with Journal.create(folder_of(out, id), id=id, spec=trained.spec, environment={}, labels=Labels()) as journal:
        assert training.train(trained.spec, journal, data=data(), card=None) == "diverged"
    return read(journal.path)


def test_a_loss_that_is_no_number(
    representative: str, executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ended(Poisoned(representative, executor, math.nan), tmp_path, monkeypatch)
    assert len(record.evaluations) == EPOCH + 1
    assert record.status == "diverged"
    reason = (record.end or {})["reason"]
    assert reason == f"the training loss was not finite from batch {BATCH + 1} of epoch {EPOCH + 1} on"


def test_where_a_loss_began_is_known_after_a_checkpoint() -> None:
    """Resumes at a drain within the epoch; the checkpoint has the losses and their batches."""
    original, resumed = (Poisoned("async_lu", "virtual", math.inf, {"drain_every": 4}) for _ in range(2))
    original.team.begin_epoch(EPOCH)
    original.team.accounts.drain_after(4)
    original.executor.run(original.method.workers(original.team))
    assert original.team.not_finite() == BATCH
    resumed.team.load_state_dict(original.team.state_dict())
    assert resumed.team.not_finite() == BATCH
    resumed.team.begin_epoch(EPOCH + 1)
    assert resumed.team.not_finite() is None


def test_the_evaluations_loss_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = Small("bp")
    monkeypatch.setattr(trained, "evaluate", lambda: {"accuracy_percent": 10.0, "loss": math.inf})
    record = ended(trained, tmp_path, monkeypatch)
    assert (record.end or {})["reason"] == "the evaluation's loss was not finite after epoch 1"
