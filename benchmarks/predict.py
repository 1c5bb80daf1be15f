"""Seconds per epoch that a hardware card predicts for a method at the paper's scale, without computing anything."""

from __future__ import annotations

import math
from collections.abc import Iterator

import methods
from benchmarks.dry import DryTeam
from benchmarks.executors.virtual import VirtualExecutor
from benchmarks.hardware import Card
from results import published

STEPS = 390  # full batches of 128 in 50,000 images
FITTED_ROWS = ("async_lu", "async_bu")
HELD_OUT_ROWS = ("lapsgd", "lppsgd")


def seconds_per_epoch(card: Card, network: str, method: str, *, steps: int = STEPS) -> float:
    """Simulated seconds of one epoch of STEPS batches; fewer steps are scaled up, ramps and all."""
    algorithm = methods.create(method)
    known = card.networks[network]
    layers = [(name, int(size // 4)) for name, size in zip(known.layers, known.parameter_bytes, strict=True)]
    team = DryTeam.of(layers, replicas=algorithm.replicas, steps_per_epoch=steps)
    # The published setting averages after every update in the first half of the epochs, then every K: take the latter.
    team.epoch = team.epochs
    executor = VirtualExecutor(team, card.price(network))
    executor.run(algorithm.workers(team))
    return executor.now * STEPS / team.steps_per_epoch


def published_epoch_seconds() -> dict[tuple[str, str], list[float]]:
    """(network, row) -> TTA / epochs of every table of paper A that has both."""
    found: dict[tuple[str, str], list[float]] = {}
    for table, times, epochs in (
        ("table1", "time_to_target_seconds", "epochs_to_target"),
        ("table2", "time_to_best_seconds", "epochs_to_best"),
        ("table3", "time_to_target_seconds", "epochs_to_target"),
        ("table4", "time_to_best_seconds", "epochs_to_best"),
    ):
        values = published.load(table)
        for (network, row, measure), value in values.items():
            if measure == times:
                found.setdefault((network, row), []).append(value.mean / values[network, row, epochs].mean)
    return found


def residuals(card: Card) -> Iterator[str]:
    """Per network and row: predicted and published seconds, their ratio, and whether the card was fitted to them."""
    for (network, row), values in sorted(published_epoch_seconds().items()):
        seconds = seconds_per_epoch(card, network, row)
        mean = math.exp(sum(map(math.log, values)) / len(values))
        kind = "fitted" if row in FITTED_ROWS and card.name == "paper-a" else "held out"
        yield f"{network} {row:9} {seconds:6.2f} s, published {mean:5.2f} s, ratio {seconds / mean:.2f} ({kind})"
    for table, data in (("table7", "CIFAR-10"), ("table8", "CIFAR-100")):
        for (network, row, _), value in sorted(published.load(table).items()):
            speedup = seconds_per_epoch(card, network, "bp") / seconds_per_epoch(card, network, row)
            kind = "held out" if row == "ddp" else "follows from the fit"
            yield f"{network} {row:9} speed-up {speedup:.2f}, published {value.mean:.2f} ({data}, {kind})"
