"""The tables by name: every other file beside this one is a table.

It says its group, and its place there, by a literal, which is read without running the file:

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
    """The ids of the tables of one of GROUPS, in their order."""
    return tuple(id for id in IDS if _PLACES[id.replace("-", "_")][0] == name)


@cache
def table(id: str) -> Table:
    """Raises UserError, offering the nearest names, when there is none."""
    if id not in IDS:
        raise UserError(unknown("table", id, IDS))
    found: Table = importlib.import_module(f"{tables.__name__}.{id.replace('-', '_')}").TABLE
    if found.id != id:
        raise ValueError(f"{id}: its file names it '{found.id}'")
    if len({row.key for row in found.rows}) < len(found.rows):
        raise ValueError(f"{id}: two rows have one name")
    check_measures(found)
    return found


def check_measures(table: Table) -> None:
    """Raises UserError, offering the nearest names, for a measure that is none of a run's."""
    known = [measure.key for measure in of_runs()]
    for measure in table.measures:
        if measure not in known:
            raise UserError(unknown("measure", measure, known))
