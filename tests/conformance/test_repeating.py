"""Every method on the repeatable executors: the same seed gives the same bits, whatever ran before.

test_resuming.py repeats runs in another process.
"""

from __future__ import annotations

import random
from functools import cache, partial

import numpy as np
import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.registry import Executor
from benchmarks.executors.team import SimulatedTeam
from tests.conformance.small import EPOCHS, STEPS, Small, bits, price
from tests.conformance.test_training import trained_once


def outcome(method: str, executor: str, seed: int = 0) -> str:
    training = Small(method, executor=executor, seed=seed)
    training.train()
    return f"{bits(training.team)} {training.executor.now}"


@cache
def known(method: str, executor: str) -> str:
    """Returns the outcome of the run that several tests compare with."""
    training = trained_once(method, executor)
    return f"{bits(training.team)} {training.executor.now}"


def generators() -> tuple[object, ...]:
    """Returns the states of the global random generators."""
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]


def test_same_seed_same_bits(method: str, repeatable: str) -> None:
    """Other random numbers, runs and seeds in between do not matter, and the global generators stay as they are."""
    first = known(method, repeatable)
    torch.manual_seed(99)
    np.random.seed(99)
    random.seed(99)
    Small(method, executor=repeatable, seed=1).train(epochs=1)
    before = generators()
    assert outcome(method, repeatable) == first
    assert generators() == before


def test_two_runs_side_by_side(representative: str, repeatable: str) -> None:
    """Two runs of one process, trained in turn epoch by epoch, do not influence each other."""
    runs = [Small(representative, executor=repeatable, seed=seed) for seed in (0, 1)]
    for epoch in range(3):
        for training in runs:
            training.epoch(epoch)
    digests = [bits(training.team) for training in runs]
    assert digests == [trained(representative, repeatable).split()[0] for trained in (known, partial(outcome, seed=1))]
    assert digests[0] != digests[1]


def test_the_clock_does_not_depend_on_the_numerics(method: str, repeatable: str) -> None:
    """A team without tensors takes the same simulated seconds, and counts the same updates."""
    training, (dry, executor) = trained_once(method, repeatable), dry_run(method, repeatable)
    for epoch in range(EPOCHS):
        dry.begin_epoch(epoch)
        executor.run(training.method.workers(dry))
    assert executor.now == training.executor.now
    assert dry.accounts.staleness.per_layer() == training.team.accounts.staleness.per_layer()


def dry_run(method: str, executor: str) -> tuple[SimulatedTeam, Executor]:
    team = Small(method).team
    layers = [(layer.name, sum(p.numel() for p in layer.params)) for layer in team.replica.layers]
    algorithm = methods.create(method)
    dry = SimulatedTeam.of(
        layers,
        replicas=algorithm.replicas,
        trained=algorithm.trained_replicas,
        steps_per_epoch=STEPS,
        flops=lambda: team.layer_flops,
    )
    dry.accounts.epochs = EPOCHS
    return dry, executors.executor(executor).build(dry, price(), 1)
