"""Every method on the executors that repeat: the same seed gives the same bits, wherever, and after whatever."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.registry import Executor
from benchmarks.executors.team import SimulatedTeam
from tests.conformance.small import EPOCHS, STEPS, Small, bits, price

OTHER_PROCESS = """
import sys, torch
from tests.conformance.conftest import load_plugins
from tests.conformance.small import Small, bits
torch.set_num_threads(1)
executor, plugins, *methods = sys.argv[1:]
load_plugins(plugins)
for method in methods:
    training = Small(method, executor=executor)
    training.train()
    print(method, bits(training.team), training.executor.now)
"""


def outcome(method: str, executor: str, seed: int = 0) -> str:
    training = Small(method, executor=executor, seed=seed)
    training.train()
    return f"{bits(training.team)} {training.executor.now}"


known = cache(outcome)
"""Outcome of a run, trained once, for tests of what other runs come to."""


def generators() -> tuple[object, ...]:
    """The states of the global ones."""
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]


def test_same_seed_same_bits(method: str, repeatable: str) -> None:
    """Whatever random numbers, other runs and other seeds came in between; the global generators are left alone."""
    first = known(method, repeatable)
    torch.manual_seed(99)
    np.random.seed(99)
    random.seed(99)
    Small(method, executor=repeatable, seed=1).train(epochs=1)
    before = generators()
    assert outcome(method, repeatable) == first
    assert generators() == before


def test_same_bits_in_another_process(
    representatives: list[str], repeatable: str, checkout: Path, plugins: str
) -> None:
    """In the opposite order there."""
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, repeatable, plugins, *reversed(representatives)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert dict(line.split(" ", 1) for line in done.stdout.splitlines()) == {
        m: known(m, repeatable) for m in representatives
    }


def test_two_runs_side_by_side(representative: str, repeatable: str) -> None:
    """Epoch by epoch in turn, two runs of one process do not touch each other; their seeds make them two."""
    runs = [Small(representative, executor=repeatable, seed=seed) for seed in (0, 1)]
    for epoch in range(3):
        for training in runs:
            training.epoch(epoch)
    found = [bits(training.team) for training in runs]
    assert found == [known(representative, repeatable, seed).split()[0] for seed in (0, 1)]
    assert found[0] != found[1]


def test_the_clock_does_not_depend_on_the_numerics(method: str, repeatable: str) -> None:
    """A team without tensors takes the same simulated seconds, and counts the same updates."""
    training, (dry, executor) = Small(method, executor=repeatable), dry_run(method, repeatable)
    for epoch in range(EPOCHS):
        training.epoch(epoch)
        dry.begin_epoch(epoch)
        executor.run(training.method.workers(dry))
        assert executor.now == training.executor.now
        assert dry.accounts.staleness.per_layer() == training.team.accounts.staleness.per_layer()


def dry_run(method: str, executor: str) -> tuple[SimulatedTeam, Executor]:
    team = Small(method).team
    layers = [(layer.name, sum(p.numel() for p in layer.params)) for layer in team.replica.layers]
    made = methods.create(method)
    dry = SimulatedTeam.of(
        layers,
        replicas=made.replicas,
        trained=made.trained_replicas,
        steps_per_epoch=STEPS,
        flops=lambda: team.layer_flops,
    )
    dry.accounts.epochs = EPOCHS
    return dry, executors.executor(executor).build(dry, price(), 1)
