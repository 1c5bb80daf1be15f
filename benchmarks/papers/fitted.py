"""The published seconds that hardware cards were fitted to, which their simulated seconds therefore cannot confirm.

`possible` makes the cards that other published seconds might have led to, with each fitted number halved and doubled.
Seconds proportional to fitted ones on all of these cards follow from the fit (`kind`). A comparison of seconds that
comes out alike on all of them could not have come out otherwise (`relative_seconds`, `claims.quantities`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.papers.predicted_seconds import STEPS, row_seconds, seconds_per_epoch, training_seconds
from benchmarks.tables import registry as tables
from results import published

Kind = Literal["fitted", "follows from the fit", "held out"]
"""Published seconds that a card was fitted to, that are proportional to these whatever was fitted, or neither."""
FACTORS = (0.5, 2.0)
_ALIKE = 1e-6


@dataclass(frozen=True)
class Fit:
    """Rows of published tables whose seconds, or values computed from them, a card was fitted to."""

    tables: tuple[str, ...]
    networks: tuple[str, ...]
    rows: tuple[str, ...]


Change = Callable[[Card, float], Card]
"""Multiplies one of a card's numbers by a factor, within its bounds."""


@dataclass(frozen=True)
class CardFits:
    """Published rows that a card was fitted to, and the fitted numbers.

    A factor common to all seconds of a network is left out: it changes no comparison.
    """

    fits: tuple[Fit, ...]
    numbers: tuple[Change, ...]


def _link(field: str) -> Change:
    def change(card: Card, factor: float) -> Card:
        link = card.link.model_copy(update={field: factor * getattr(card.link, field)})
        return card.model_copy(update={"link": link})

    return change


def _capacity(card: Card, factor: float) -> Card:
    capacity = min(max(1.0, factor * card.lane_capacity), float(card.lanes))
    return card.model_copy(update={"lane_capacity": capacity})


def _fixed_share(card: Card, factor: float) -> Card:
    networks = {
        name: seconds.model_copy(update={"fixed_share": min(1.0, factor * seconds.fixed_share)})
        for name, seconds in card.networks.items()
    }
    return card.model_copy(update={"networks": networks})


LINK = (_link("latency_seconds"), _link("bytes_per_second"))
PAPER_A = Fit(("table1", "table2", "table3", "table4"), ("resnet18", "resnet50"), ("async_lu", "async_bu"))
"""Seconds per epoch, for the link (tools/fit_paper_a.py)."""
VERSION_3 = Fit(("v3-mfu",), ("resnet18",), ("pdasgd", "ddp"))
"""Quotient of the two MFUs, for the capacity of the lanes (tools/fit_paper_a.py)."""
MB_SGD = (
    Fit(("lap-table1",), ("resnet20",), ("mbsgd@batch=128", "mbsgd@batch=1024")),
    Fit(("lap-table6",), ("wrn16_8",), ("mbsgd@devices=2,batch=128", "mbsgd@devices=2,batch=512")),
    Fit(("lap-table9",), ("squeezenet",), ("mbsgd@batch=128", "mbsgd@batch=1024")),
    Fit(("lap-table10",), ("resnet18",), ("mbsgd@batch=32", "mbsgd@batch=128")),
)
"""Training times at two batches per network, for the seconds of a step (tools/fit_paper_b.py)."""
LAP_SGD = Fit(("lap-table2",), ("resnet20",), ("lapsgd@updaters=4,batch=128",))
"""A training time, for the capacity of the lanes (tools/fit_paper_b.py)."""

CARDS: Mapping[str, CardFits] = {
    "paper-a": CardFits((PAPER_A,), LINK),
    "paper-a3": CardFits((PAPER_A, VERSION_3), (*LINK, _capacity)),
    "paper-b": CardFits((*MB_SGD, LAP_SGD), (_fixed_share, _capacity)),
}
"""Fits by name of the card. Other cards are fitted to nothing: they are ideal or measured."""


@cache
def possible(name: str) -> tuple[Card, ...]:
    """Returns the card, and those that other published seconds might have led to."""
    card = cards.load(name)
    return card, *(change(card, factor) for change in CARDS[name].numbers for factor in FACTORS)


@cache
def relative_seconds(card: str, table_id: str, network: str, row_key: str) -> tuple[float, ...]:
    """Returns a row's seconds on each possible card over those on the card itself; empty for a card without a fit.

    Also empty if the table has no such row, or the row is charged by FLOPs.
    """
    if card not in CARDS or table_id not in tables.IDS:
        return ()
    table = tables.table(table_id)
    rows = [row for row in table.rows if row.key == row_key and network in table.networks]
    seconds_on_cards = [
        row_seconds(possible_card, table, network, row) for row in rows for possible_card in possible(card)
    ]
    priced = [seconds for seconds in seconds_on_cards if seconds is not None]
    return tuple(seconds / priced[0] for seconds in priced)


def kind(card: str, table_id: str, network: str, row_key: str) -> Kind:
    """Tells whether a card was fitted to a row's seconds, or they follow from the fit, or neither."""
    if card not in CARDS:
        return "held out"
    if any(table_id in fit.tables and network in fit.networks and row_key in fit.rows for fit in CARDS[card].fits):
        return "fitted"
    relative = relative_seconds(card, table_id, network, row_key)
    follows = bool(relative) and any(
        all(math.isclose(a, b, rel_tol=_ALIKE) for a, b in zip(relative, seconds, strict=True))
        for fit in CARDS[card].fits
        if network in fit.networks
        for seconds in (relative_seconds(card, id, network, row) for id in fit.tables for row in fit.rows)
    )
    return "follows from the fit" if follows else "held out"


def is_fitted(card: str, table_id: str, network: str, row_key: str) -> bool:
    """Whether a card was fitted to the simulated seconds of a table's row, or they follow from the fit."""
    return kind(card, table_id, network, row_key) != "held out"


# ---- the papers' seconds beside those that their cards predict


def published_epoch_seconds() -> dict[tuple[str, str], list[float]]:
    """Returns (network, row) -> time over epochs in every CIFAR table of paper A that prints both."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for table, event in (("table1", "target"), ("table2", "best"), ("table3", "target"), ("table4", "best")):
        values = published.load(table)
        for (network, row, measure), value in values.items():
            if measure == f"time_to_{event}_seconds":
                epochs = values[network, row, f"epochs_to_{event}"]
                seconds.setdefault((network, row), []).append(value.mean / epochs.mean)
    return seconds


def predictions(card: Card) -> tuple[str, list[str]]:
    """Returns a heading and a line per published row, with its seconds and the card's; empty for other cards."""
    if card.name.startswith("paper-a"):
        heading = (
            f"Simulated seconds per epoch of {STEPS} batches of 128, against TTA / epochs as published (Tables 1 to 4, "
            "geometric mean), and speed-ups (Tables 7, 8)"
        )
        return heading, list(_residuals_a(card))
    if card.name.startswith("paper-b"):
        heading = "Simulated seconds of the whole training at the paper's scale, against T as published"
        return heading, list(_residuals_b(card))
    return "", []


def _residuals_a(card: Card) -> Iterator[str]:
    for (network, row), values in sorted(published_epoch_seconds().items()):
        seconds = seconds_per_epoch(card, card.networks[network], row)
        mean = math.exp(sum(map(math.log, values)) / len(values))
        relation = kind(card.name, "table1", network, row)
        yield f"{network} {row:9} {seconds:6.2f} s, published {mean:5.2f} s, ratio {seconds / mean:.2f} ({relation})"
    for table, data in (("table7", "CIFAR-10"), ("table8", "CIFAR-100")):
        for (network, row, _), value in sorted(published.load(table).items()):
            baseline, seconds = (seconds_per_epoch(card, card.networks[network], method) for method in ("bp", row))
            relation = kind(card.name, table, network, row)
            speedup = f"speed-up {baseline / seconds:.2f}, published {value.mean:.2f}"
            yield f"{network} {row:9} {speedup} ({data}, {relation})"


def _residuals_b(card: Card) -> Iterator[str]:
    for id in ("lap-table1", "lap-table2", "lap-table3", "lap-table6", "lap-table8", "lap-table9", "lap-table10"):
        table = tables.table(id)
        network = table.networks[0]
        for row in table.rows:
            seconds = training_seconds(card, table, row)
            mean = published.load(id)[network, row.key, "train_time_seconds"].mean
            ratio, relation = seconds / mean, kind(card.name, id, network, row.key)
            yield f"{id:11} {row.key:38} {seconds:6.0f} s, published {mean:5.0f} s, ratio {ratio:.2f} ({relation})"
