"""Seconds that a hardware card predicts for a method at the paper's scale, without computing anything."""

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
"""Seconds of how many batches, by all that they follow from: tables share rows, and not every change of a card changes
a price."""


def seconds_per_epoch(
    card: Card,
    known: NetworkSeconds,
    method: str,
    options: Mapping[str, Any] | None = None,
    *,
    steps: int = STEPS,
    batch: int | None = None,
    simulated: int | None = None,
    progress: float = 1.0,
    network: str = "",
) -> float:
    """Simulated seconds of one epoch of so many batches; `simulated` of them are scaled up, ramps and all.

    progress: the share of the training that lies behind, on which averaging and partitioning depend. network: its name,
    on which a pipeline's published cut depends.
    """
    algorithm = methods.create(method, options)
    layers = [(name, int(size // 4)) for name, size in zip(known.layers, known.parameter_bytes, strict=True)]
    price, batches = card.price(known, batch=batch), min(steps, simulated or steps)
    key = repr((price, type(algorithm), algorithm.options, layers, batches, network, progress))
    if key not in _SIMULATED:
        team = SimulatedTeam.of(layers, replicas=algorithm.replicas, steps_per_epoch=batches, network=network)
        team.accounts.epochs = 1000
        team.accounts.epoch = int(progress * team.epochs)
        executor = VirtualExecutor(team, price)
        executor.run(algorithm.workers(team))
        team.accounts.end_epoch()
        _SIMULATED[key] = executor.now, team.steps_per_epoch
    seconds, many = _SIMULATED[key]
    return seconds * steps / many


def row_seconds(card: Card, one: Table, network: str, row: Row) -> float | None:
    """Simulated seconds of an average epoch of a table's row at the paper's scale.

    None where the card has no seconds of the network, or the row is charged others.
    """
    work = workload(one.family, network, "paper", {**one.workload, **row.workload}, own=one.own)
    known = card.seconds_of(work.network, family=work.family, stem=work.charged_stem)
    if known is None or work.price != "published" or work.activations != "free":
        return None
    options, batch = one.options_of(row), row.batch or work.batch
    algorithm = methods.create(row.method, options)
    replicas, phases = algorithm.replicas, PHASES if hasattr(algorithm.options, "switch") else ((1.0, 1.0),)
    full = (work.train_samples or work.card.train_samples) // batch
    steps, few = full - full % replicas, 24 * replicas
    delayed = card.delayed(row.delays)
    if delayed.absent:  # few batches stand for an epoch: one absence would be counted many times
        delayed = delayed.model_copy(update={"absent": ()})

    def epoch(progress: float) -> float:
        return seconds_per_epoch(
            delayed,
            known,
            row.method,
            options,
            steps=steps,
            batch=batch,
            simulated=min(few, steps),
            progress=progress,
            network=network,
        )

    return sum(share * epoch(progress) for progress, share in phases)


def training_seconds(card: Card, one: Table, row: Row) -> float:
    """Simulated seconds of a whole training of a row of paper B at the paper's scale."""
    network = one.networks[0]
    seconds = row_seconds(card, one, network, row)
    assert seconds is not None, f"{card.name} does not know {network}"
    return workload(one.family, network, "paper").epochs * seconds
