"""The published seconds that hardware cards were fitted to, which their simulated seconds therefore cannot confirm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import methods
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Row, Table

Kind = Literal["fitted", "follows from the fit", "held out"]
"""How published seconds stand to a card: fitted to; of a run that the card charges like a fitted one; or neither."""


@dataclass(frozen=True)
class Fit:
    """Rows of published tables to whose seconds, or what was computed of these, a card was fitted."""

    tables: tuple[str, ...]
    networks: tuple[str, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True)
class CardFits:
    """All that a card was fitted to. alike: methods that cost on it what another one costs, by their names."""

    fits: tuple[Fit, ...]
    alike: Mapping[str, str]


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
    "paper-a": CardFits((PAPER_A,), {}),
    "paper-a3": CardFits((PAPER_A, VERSION_3), {}),
    "paper-b": CardFits((*MB_SGD, LAP_SGD), {"plsgd": "mbsgd"}),  # its links are free
}
"""By the card's name. Others are fitted to nothing: ideal ones, and those that were measured."""


def kind(card: str, table_id: str, network: str, row_key: str) -> Kind:
    """How the seconds of a table's row stand to a card."""
    if card not in CARDS or table_id not in tables.IDS:
        return "held out"
    if any(table_id in fit.tables and network in fit.networks and row_key in fit.rows for fit in CARDS[card].fits):
        return "fitted"
    table = tables.table(table_id)
    row = next((row for row in table.rows if row.key == row_key), None)
    charged = _charged(table, network, row, CARDS[card].alike) if row is not None else None
    return "follows from the fit" if charged in _fitted(card) else "held out"


def is_fitted(card: str, table_id: str, network: str, row_key: str) -> bool:
    """Whether the simulated seconds of a table's row are those that the card was fitted to, there or elsewhere."""
    return kind(card, table_id, network, row_key) != "held out"


@cache
def _fitted(card: str) -> frozenset[str]:
    return frozenset(_fitted_runs(CARDS[card]))


def _fitted_runs(its: CardFits) -> Iterator[str]:
    for fit in its.fits:
        for table in map(tables.table, fit.tables):
            rows = [row for row in table.rows if row.key in fit.rows]
            yield from (_charged(table, network, row, its.alike) for network in fit.networks for row in rows)


def _charged(table: Table, network: str, row: Row, alike: Mapping[str, str]) -> str:
    """What a card's seconds depend on: equal for two runs that it charges alike."""
    name = alike.get(row.method, row.method)
    known = methods.method_class(name).Options.__dataclass_fields__
    options = {key: value for key, value in table.options_of(row).items() if key in known}
    images = "cifar" if table.family.startswith("cifar") else table.family
    stem = row.workload.get("stem")
    return repr((images, network, stem, row.batch, row.delays, name, methods.create(name, options).describe()))
