"""Predicts the seconds of a method at the paper's scale on a hardware card, by simulation without tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.card import Card, NetworkSeconds
from benchmarks.tables.definition import Row, Table
from benchmarks.workloads.workload import workload

STEPS = 390  # full batches of 128 in 50,000 images
# A point of each phase, and its share: LPP-SGD's stabilising epochs, those with K = 1, those with K > 1.
PHASES = ((0.05, 0.1), (0.3, 0.4), (0.75, 0.5))
_SIMULATED: dict[str, tuple[float, int]] = {}
"""Simulated seconds and their number of batches, by everything they depend on: tables share rows and prices."""


def seconds_per_epoch(
    card: Card,
    network_seconds: NetworkSeconds,
    method: str,
    options: Mapping[str, Any] | None = None,
    *,
    steps: int = STEPS,
    batch: int | None = None,
    simulated: int | None = None,
    progress: float = 1.0,
    network: str = "",
) -> float:
    """Returns the simulated seconds of one epoch of `steps` batches.

    simulated: batches that are simulated and scaled up to `steps`; None: all. progress: share of the training that is
    over, on which averaging and partitioning depend. network: its name, on which a pipeline's published cut depends.
    """
    algorithm = methods.create(method, options)
    sizes = [int(size // 4) for size in network_seconds.parameter_bytes]
    layers = list(zip(network_seconds.layers, sizes, strict=True))
    price, batches = card.price(network_seconds, batch=batch), min(steps, simulated or steps)
    key = repr((price, type(algorithm), algorithm.options, layers, batches, network, progress))
    if key not in _SIMULATED:
        team = SimulatedTeam.of(layers, replicas=algorithm.replicas, steps_per_epoch=batches, network=network)
        team.accounts.epochs = 1000
        team.accounts.epoch = int(progress * team.epochs)
        executor = VirtualExecutor(team, price)
        executor.run(algorithm.workers(team))
        team.accounts.end_epoch()
        _SIMULATED[key] = executor.now, team.steps_per_epoch
    seconds, count = _SIMULATED[key]
    return seconds * steps / count


def row_seconds(card: Card, table: Table, network: str, row: Row) -> float | None:
    """Returns the simulated seconds of an average epoch of a table's row at the paper's scale.

    None if the card has no seconds of the network, or the row is charged others.
    """
    work = workload(table.family, network, "paper", {**table.workload, **row.workload}, own=table.own)
    network_seconds = card.seconds_of(work.network, family=work.family, stem=work.charged_stem)
    if network_seconds is None or work.price != "published" or work.activations != "free":
        return None
    options, batch = table.options_of(row), row.batch or work.batch
    algorithm = methods.create(row.method, options)
    replicas, phases = algorithm.replicas, PHASES if hasattr(algorithm.options, "switch") else ((1.0, 1.0),)
    full = (work.train_samples or work.card.train_samples) // batch
    steps, simulated = full - full % replicas, 24 * replicas
    delayed = card.delayed(row.delays)
    if delayed.absent:  # few batches stand for an epoch: one absence would be counted many times
        delayed = delayed.model_copy(update={"absent": ()})

    def epoch(progress: float) -> float:
        return seconds_per_epoch(
            delayed,
            network_seconds,
            row.method,
            options,
            steps=steps,
            batch=batch,
            simulated=min(simulated, steps),
            progress=progress,
            network=network,
        )

    return sum(share * epoch(progress) for progress, share in phases)


def training_seconds(card: Card, table: Table, row: Row) -> float:
    """Returns the simulated seconds of the whole training of a row of paper B at the paper's scale."""
    network = table.networks[0]
    seconds = row_seconds(card, table, network, row)
    assert seconds is not None, f"{card.name} does not know {network}"
    return workload(table.family, network, "paper").epochs * seconds
