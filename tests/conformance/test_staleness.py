"""Every method: staleness and waits, measured by the executor."""

from __future__ import annotations

from benchmarks.executors import registry as executors
from tests.conformance.test_training import trained_once


def test_a_gradient_waits_no_longer_than_its_weights_are_old(method: str, executor: str) -> None:
    """The wait begins when the gradient has been computed, after the forward pass has read the weights."""
    for row in trained_once(method, executor).team.accounts.staleness.per_layer():
        assert -1e-12 <= row["wait_seconds"] <= row["seconds"], row


def test_under_locks_no_update_is_lost(method: str, executor: str) -> None:
    """No updates overlap, and torn reads are at most those that overlap a write."""
    for row in trained_once(method, executor).team.conflicts():
        assert (row["lost_updates"], row["overlapping_updates"]) == (0, 0)
        assert 0 <= row["torn_reads"] <= row["overlapping_reads"] <= row["weight_reads"]
        assert bool(row["weight_reads"]) == (not executors.executor(executor).simulated)
