"""The papers' seconds beside those that their hardware cards predict."""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchmarks.hardware.card import Card
from benchmarks.papers import fitted
from benchmarks.papers.predicted_seconds import STEPS, seconds_per_epoch, training_seconds
from benchmarks.tables import registry as tables
from results import published


def published_epoch_seconds() -> dict[tuple[str, str], list[float]]:
    """(network, row) -> TTA / epochs of every CIFAR table of paper A that has both."""
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


def predictions(card: Card) -> tuple[str, list[str]]:
    """A heading and the lines below it; nothing for a card that is of no paper."""
    if card.name.startswith("paper-a"):
        heading = (
            f"Simulated seconds per epoch of {STEPS} batches of 128, against TTA / epochs as published (Tables 1 to 4, "
            "geometric mean), and speed-ups (Tables 7, 8)"
        )
        return heading, list(residuals_a(card))
    if card.name.startswith("paper-b"):
        return "Simulated seconds of the whole training at the paper's scale, against T as published", list(
            residuals_b(card)
        )
    return "", []


def residuals_a(card: Card) -> Iterator[str]:
    """Residuals by network and row: predicted and published seconds, their ratio, and whether they were fitted."""
    for (network, row), values in sorted(published_epoch_seconds().items()):
        seconds = seconds_per_epoch(card, card.networks[network], row)
        mean = math.exp(sum(map(math.log, values)) / len(values))
        kind = fitted.kind(card.name, "table1", network, row)
        yield f"{network} {row:9} {seconds:6.2f} s, published {mean:5.2f} s, ratio {seconds / mean:.2f} ({kind})"
    for table, data in (("table7", "CIFAR-10"), ("table8", "CIFAR-100")):
        for (network, row, _), value in sorted(published.load(table).items()):
            known = card.networks[network]
            speedup = seconds_per_epoch(card, known, "bp") / seconds_per_epoch(card, known, row)
            kind = fitted.kind(card.name, table, network, row)
            yield f"{network} {row:9} speed-up {speedup:.2f}, published {value.mean:.2f} ({data}, {kind})"


def residuals_b(card: Card) -> Iterator[str]:
    """Residuals by row of paper B's tables: predicted and published seconds of training, and which rows were fitted."""
    for id in ("lap-table1", "lap-table2", "lap-table3", "lap-table6", "lap-table8", "lap-table9", "lap-table10"):
        one = tables.table(id)
        values = published.load(id)
        for row in one.rows:
            network = one.networks[0]
            theirs = values[network, row.key, "train_time_seconds"].mean
            ours = training_seconds(card, one, row)
            kind = fitted.kind(card.name, id, network, row.key)
            yield f"{id:11} {row.key:38} {ours:6.0f} s, published {theirs:5.0f} s, ratio {ours / theirs:.2f} ({kind})"
