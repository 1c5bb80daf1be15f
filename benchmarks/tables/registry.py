"""Loads tables by name: almost every file in this folder is a table.

A literal in each file states its group and its position there, and is read without running the file:

    PLACE = ("audits", 3)
"""

from __future__ import annotations

import importlib
from functools import cache

from benchmarks import tables
from benchmarks.checkout import declared
from benchmarks.errors import UserError
from benchmarks.tables.definition import Table
from methods.errors import unknown
from results.measures import of_runs

GROUPS = ("paper-a", "paper-a3", "paper-b", "audits", "others", "ours")
_PLACES = declared(tables, "PLACE", ("definition", "naming", "own", "registry", "shared"))
_ORDERED = sorted(_PLACES, key=lambda module: (GROUPS.index(_PLACES[module][0]), _PLACES[module][1], module))
IDS = tuple(module.replace("_", "-") for module in _ORDERED)


def group(name: str) -> tuple[str, ...]:
    """Returns the ids of the tables of one of GROUPS, in order."""
    return tuple(id for id in IDS if _PLACES[id.replace("-", "_")][0] == name)


@cache
def table(id: str) -> Table:
    """Loads a table. Raises UserError for an unknown name, suggesting the nearest."""
    if id not in IDS:
        raise UserError(unknown("table", id, IDS))
    loaded: Table = importlib.import_module(f"{tables.__name__}.{id.replace('-', '_')}").TABLE
    if loaded.id != id:
        raise ValueError(f"{id}: its file names it '{loaded.id}'")
    if len({row.key for row in loaded.rows}) < len(loaded.rows):
        raise ValueError(f"{id}: two rows have one name")
    check_measures(loaded)
    return loaded


def check_measures(table: Table) -> None:
    """Raises UserError for a measure that runs do not have, suggesting the nearest."""
    measures = [measure.key for measure in of_runs()]
    for name in table.measures:
        if name not in measures:
            raise UserError(unknown("measure", name, measures))
