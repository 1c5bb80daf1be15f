"""Helpers for tests: record a run on threads, and replay it on one thread."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.executors import registry as executors
from benchmarks.executors.replay.executor import ReplayExecutor
from benchmarks.executors.threads.recorder import RecordingExecutor
from results.records.schedule import Part
from tests.conformance.small import EPOCHS, Small

SAME = ("train_loss", "train_accuracy_percent", "loss", "accuracy_percent", "staleness_updates")
Outcome = tuple[list[list[float]], str]
"""Metrics of every epoch, and a digest of weights, buffers, optimizer states, losses in their order, and counts."""


def record(
    method: str,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> tuple[list[Part], Outcome]:
    """Returns the parts of a run's schedule, one per epoch or drain, and the run's outcome."""
    training = Small(method, options, executor="threads", seed=seed, settings=settings, record=True)
    metrics = training.train()
    assert isinstance(training.executor, RecordingExecutor)
    parts = training.executor.take_schedule()
    assert len(parts) >= EPOCHS
    return parts, _outcome(training, metrics)


def replay(
    method: str,
    parts: Sequence[Part],
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> Outcome:
    training = Small(method, options, executor="threads", seed=seed, settings=settings)
    training.executor = executor = executors.REPLAY.build(training.team, None, 1)
    assert isinstance(executor, ReplayExecutor)
    executor.follow(parts)
    return _outcome(training, training.train())


def _outcome(training: Small, metrics: Sequence[Mapping[str, float]]) -> Outcome:
    saved, digest = training.team.state_dict(), hashlib.sha256()
    for name, tensor in sorted(saved.tensors.items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    digest.update(repr((saved.values.layers, saved.values.counts.effects, saved.values.counts.sent_bytes)).encode())
    return [[epoch_metrics[name] for name in SAME] for epoch_metrics in metrics], digest.hexdigest()
