"""The published seconds that hardware cards were fitted to, which their simulated seconds therefore cannot confirm.

What else they cannot confirm is found by changing what was fitted: `possible` makes the cards that other published
seconds would have led to, with each fitted number halved and doubled. Seconds that are in one proportion to fitted ones
on all of them follow from the fit (`kind`); a comparison of seconds that comes out alike on all of them could not have
come out otherwise (`relative_seconds`, `claims.quantities`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.papers.predicted_seconds import row_seconds
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Row

Kind = Literal["fitted", "follows from the fit", "held out"]
"""Relation of published seconds to a card: fitted to, in proportion to these whatever was fitted, or neither."""
FACTORS = (0.5, 2.0)
"""By which a fitted number may have come out another one."""
_ALIKE = 1e-6


@dataclass(frozen=True)
class Fit:
    """Rows of published tables to whose seconds, or what was computed of these, a card was fitted."""

    tables: tuple[str, ...]
    networks: tuple[str, ...]
    rows: tuple[str, ...]


Change = Callable[[Card, float], Card]
"""Multiplies one of a card's numbers by a factor, within its bounds."""


@dataclass(frozen=True)
class CardFits:
    """Published rows that a card was fitted to, and the numbers that were fitted.

    Not among these is a factor common to all seconds of a network, which moves no comparison.
    """

    fits: tuple[Fit, ...]
    numbers: tuple[Change, ...]


def _latency(card: Card, factor: float) -> Card:
    link = card.link.model_copy(update={"latency_seconds": factor * card.link.latency_seconds})
    return card.model_copy(update={"link": link})


def _bandwidth(card: Card, factor: float) -> Card:
    link = card.link.model_copy(update={"bytes_per_second": factor * card.link.bytes_per_second})
    return card.model_copy(update={"link": link})


def _capacity(card: Card, factor: float) -> Card:
    capacity = min(max(1.0, factor * card.lane_capacity), float(card.lanes))
    return card.model_copy(update={"lane_capacity": capacity})


def _fixed_share(card: Card, factor: float) -> Card:
    networks = {
        name: seconds.model_copy(update={"fixed_share": min(1.0, factor * seconds.fixed_share)})
        for name, seconds in card.networks.items()
    }
    return card.model_copy(update={"networks": networks})


PAPER_A = Fit(("table1", "table2", "table3", "table4"), ("resnet18", "resnet50"), ("async_lu", "async_bu"))
"""Seconds per epoch, for the link (tools/fit_paper_a.py)."""
VERSION_3 = Fit(("v3-mfu",), ("resnet18",), ("pdasgd", "ddp"))
"""The quotient of the two MFUs, for the lanes' capacity (tools/fit_paper_a.py)."""
MB_SGD = (
    Fit(("lap-table1",), ("resnet20",), ("mbsgd@batch=128", "mbsgd@batch=1024")),
    Fit(("lap-table6",), ("wrn16_8",), ("mbsgd@devices=2,batch=128", "mbsgd@devices=2,batch=512")),
    Fit(("lap-table9",), ("squeezenet",), ("mbsgd@batch=128", "mbsgd@batch=1024")),
    Fit(("lap-table10",), ("resnet18",), ("mbsgd@batch=32", "mbsgd@batch=128")),
)
"""Training times at two batches per network, for what a step costs (tools/fit_paper_b.py)."""
LAP_SGD = Fit(("lap-table2",), ("resnet20",), ("lapsgd@updaters=4,batch=128",))
"""A training time, for the lanes' capacity (tools/fit_paper_b.py)."""

CARDS: Mapping[str, CardFits] = {
    "paper-a": CardFits((PAPER_A,), (_latency, _bandwidth)),
    "paper-a3": CardFits((PAPER_A, VERSION_3), (_latency, _bandwidth, _capacity)),
    "paper-b": CardFits((*MB_SGD, LAP_SGD), (_fixed_share, _capacity)),
}
"""By the card's name. Others are fitted to nothing: ideal ones, and those that were measured."""


@cache
def possible(name: str) -> tuple[Card, ...]:
    """The card, and those that other published seconds would have led to."""
    card = cards.load(name)
    return card, *(change(card, factor) for change in CARDS[name].numbers for factor in FACTORS)


@cache
def relative_seconds(card: str, table_id: str, network: str, row_key: str) -> tuple[float, ...]:
    """Ratios of a row's seconds on each possible card to those on the card itself; empty for a card without a fit.

    Also empty where the table has no such row, or the row is charged by FLOPs.
    """
    if card not in CARDS or table_id not in tables.IDS or network not in tables.table(table_id).networks:
        return ()
    row = _row(table_id, row_key)
    on_cards = (
        [row_seconds(possible_card, tables.table(table_id), network, row) for possible_card in possible(card)]
        if row
        else []
    )
    priced = [seconds for seconds in on_cards if seconds is not None]
    return tuple(seconds / priced[0] for seconds in priced)


def kind(card: str, table_id: str, network: str, row_key: str) -> Kind:
    """Relation of a row's seconds to a card: fitted to it, following from the fit, or held out."""
    if card not in CARDS:
        return "held out"
    if any(table_id in fit.tables and network in fit.networks and row_key in fit.rows for fit in CARDS[card].fits):
        return "fitted"
    own = relative_seconds(card, table_id, network, row_key)
    return "follows from the fit" if own and any(_alike(own, of) for of in _fitted(card, network)) else "held out"


def is_fitted(card: str, table_id: str, network: str, row_key: str) -> bool:
    """Whether the simulated seconds of a table's row are those that the card was fitted to, or follow from them."""
    return kind(card, table_id, network, row_key) != "held out"


def _row(table_id: str, key: str) -> Row | None:
    return next((row for row in tables.table(table_id).rows if row.key == key), None)


def _fitted(card: str, network: str) -> Iterator[tuple[float, ...]]:
    """The relative seconds of the rows on that network to which the card was fitted."""
    for fit in CARDS[card].fits:
        if network in fit.networks:
            yield from (relative_seconds(card, id, network, row) for id in fit.tables for row in fit.rows)


def _alike(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return all(math.isclose(a, b, rel_tol=_ALIKE) for a, b in zip(first, second, strict=True))
