"""Every method x executor: an epoch uses every batch once, changes every layer, and counts its changes.

Tests that only inspect a run share one; a test that trains further uses another.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.runner.checkpoints.file import Checkpoint, read, render
from methods import Average, Correct, Layer, Mix, Program, Worker
from tests.conformance.small import EPOCHS, STEPS, Small, bits, weights

Variant = tuple[str, str, Any]
Metrics = dict[str, float]


def trained(method: str, options: dict[str, Any], executor: str, epochs: int = 2) -> Small:
    """Trains a number of epochs, with every epoch checked.

    On a repeatable executor, the last epoch is trained again from a checkpoint.
    """
    training, metrics, averages = Small(method, options, executor=executor), list[Metrics](), list[Counter[Layer]]()
    workers, repeatable = training.method.workers, executors.executor(executor).repeatable
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training.method,
            "workers",
            lambda team: [replace(worker, program=watched(worker, averages)) for worker in workers(team)],
        )
        for epoch in range(epochs):
            checkpoint = saved(training, metrics) if repeatable and epoch == epochs - 1 else None
            metrics.append(check_epoch(training, epoch))
    total = sum(averages, Counter[Layer]())
    assert [layer.averages for layer in training.team.layers] == [total[layer] for layer in training.team.layers]
    if checkpoint is not None:
        check_resumed(training, Small(method, options, executor=executor), checkpoint, metrics[-1])
    return training


def watched(worker: Worker, asked: list[Counter[Layer]]) -> Program:
    """Returns the worker; `asked` counts, for every layer, the averages and mixes of its replica."""
    values, counts = [None], Counter[Layer]()  # popped: what the worker lets go of nobody holds
    asked.append(counts)
    while True:
        try:
            effect = worker.program.send(values.pop())
        except StopIteration:
            return
        values.append((yield effect))
        if isinstance(effect, Average) and not effect.later:
            counts.update(effect.replica.layers)
        elif isinstance(effect, Correct):
            counts.update(effect.correction.replica.layers)
        elif isinstance(effect, Mix):
            counts.update(effect.replica.layers[layer.index] for layer in effect.weights.layers)


def check_epoch(training: Small, epoch: int) -> Metrics:
    before = weights(training.team)
    counts = [layer.updates for replica in training.team.replicas for layer in replica.layers]
    metrics = training.epoch(epoch)
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["dropped_gradients"] == 0 or training.method.drops_gradients
    assert math.isfinite(training.team.mean_loss())
    check_batches(training, epoch)
    check_updates(training, counts)
    check_staleness(training)
    assert not all(torch.equal(a, b) for a, b in zip(before, weights(training.team), strict=True))
    return metrics


def saved(training: Small, metrics: Sequence[Metrics]) -> Checkpoint:
    """Returns a checkpoint after writing it to a file and reading it back."""
    name, content = render(training.checkpoint(metrics, wall_seconds=0.0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return read(path, "")


def check_resumed(training: Small, resumed: Small, checkpoint: Checkpoint, metrics: Metrics) -> None:
    """Checks that a training resumed from the checkpoint ends its last epoch with these metrics."""
    resumed.resume(checkpoint)
    repeated = resumed.epoch(resumed.epochs)
    assert {**repeated, "train_seconds": 0.0} == {**metrics, "train_seconds": 0.0}
    assert bits(resumed.team) == bits(training.team)
    assert resumed.executor.now == training.executor.now
    assert resumed.team.losses == training.team.losses
    assert resumed.team.per_layer() == training.team.per_layer()
    assert resumed.team.counted_effects() == training.team.counted_effects()


@cache
def trained_once(method: str, executor: str) -> Small:
    """Returns a run with default options, for tests that do not change it."""
    return trained(method, {}, executor, EPOCHS if executors.executor(executor).repeatable else 2)


def check_batches(training: Small, epoch: int) -> None:
    """Checks that each ticket was used once; the remainder is dropped, so that all devices have equally many."""
    replicas = training.method.trained_replicas
    steps = STEPS - STEPS % replicas
    used = sorted(index for at, index in training.batches_used if at == epoch)
    assert used == list(range(steps))
    assert training.team.steps_per_epoch == steps
    assert len(training.team.losses) == steps


def check_updates(training: Small, before: list[int]) -> None:
    """Checks that every update of every layer was counted.

    No layer has more updates than its device has batches, unless its replica gets others' batches or gradients.
    """
    team, o = training.team, training.method.options
    shared = training.method.shares_batches
    apart = not shared and getattr(o, "exchange", "none") == "none"
    most = team.steps_per_epoch // len(team.replicas) if apart else team.steps_per_epoch
    least = 0 if shared else 1  # a thread may be too late for any
    layers = [layer for replica in team.replicas for layer in replica.layers]
    increments = [layer.updates - count for layer, count in zip(layers, before, strict=True)]
    assert all(least <= count <= most for count in increments), increments
    per_layer = [sum(increments[i :: len(team.replica.layers)]) for i in range(len(team.replica.layers))]
    noted = team.accounts.staleness.count
    if len(team.replicas) == 1 and training.method.batches_per_update > 1:  # each of those that are added up
        assert all(updates <= count for updates, count in zip(per_layer, noted, strict=True))
    else:
        assert per_layer == noted


def check_staleness(training: Small) -> None:
    """Checks that staleness is never negative, and its mean below the number of updates (the first has 0)."""
    for row in training.team.accounts.staleness.per_layer():
        assert 0 <= row["updates"] < row["reads"]
        assert row["seconds"] > 0
        assert row["wait_seconds"] >= -1e-12


def test_it_trains(method: str, executor: str) -> None:
    """Averages are counted for the layers of the replica that was averaged or mixed, not of others."""
    trained_once(method, executor)


def test_what_an_epoch_reports(representative: str, executor: str) -> None:
    """Simulated seconds are reported if the clock is simulated, and only then."""
    metrics = Small(representative, executor=executor).train(epochs=2)
    assert all(("virtual_seconds" in epoch) == executors.executor(executor).simulated for epoch in metrics)
    assert metrics[0]["train_seconds"] < metrics[1]["train_seconds"]


def test_every_option(variant: Variant, executor: str) -> None:
    """Trains with each value of each option, and resumes from a checkpoint, with momentum per updater.

    The third epoch has LAP-SGD's period and LPP-SGD's partitions.
    """
    method, key, value = variant
    trained(method, {key: value}, executor, epochs=EPOCHS)


def test_no_more_slots_than_batches_in_flight(method: str, executor: str) -> None:
    """The slot of a step is reused once nothing refers to the step."""
    training = trained_once(method, executor)
    workers = list(training.method.workers(training.team))
    in_flight = 2 * len(workers) + 2  # every worker's step, and the one it has just let go of
    assert all(len(replica.slots) <= in_flight for replica in training.team.replicas)


def test_state_is_json(method: str, executor: str) -> None:
    """A method's state can be saved, and is loaded unchanged."""
    state = trained_once(method, executor).team.state
    assert json.loads(json.dumps(state)) == state


def test_a_method_says_what_it_is(method: str) -> None:
    cls = methods.method_class(method)
    assert cls.name == method
    assert cls.title
    assert cls.source
    assert cls.__doc__
    algorithm = methods.create(method)
    assert algorithm.replicas >= 1
    assert algorithm.devices >= algorithm.replicas


def test_a_worker_names_an_existing_device_and_keeps_its_name(method: str) -> None:
    """Momentum per updater is stored under its name, so names are distinct, and the same in every epoch."""
    training = Small(method)
    names = []
    for epoch in range(2):
        training.team.begin_epoch(epoch)
        workers = list(training.method.workers(training.team))
        assert all(0 <= worker.device < training.method.devices for worker in workers)
        names.append([worker.name for worker in workers])
        for worker in workers:
            worker.program.close()
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])


@pytest.mark.parametrize("consensus", ["mean", "first"])
def test_what_is_evaluated_is_a_copy(method: str, consensus: str) -> None:
    training = trained_once(method, "virtual")
    before = weights(training.team)
    for state in training.team.consensus(consensus):
        for tensor in state.values():
            tensor.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(training.team), strict=True))
