"""Finds experiments by name: tables and figures of training runs, analyses, and groups of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.analyses import registry as analyses
from benchmarks.analyses.definition import Analysis
from benchmarks.errors import UserError
from benchmarks.tables import own
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Table
from methods.errors import unknown

Experiment = Table | Analysis


def _place(id: str) -> tuple[int, int]:
    """Sorts paper A's tables by number, then its figures, then all others in the given order."""
    numbered = re.fullmatch(r"(table|figure)(\d+)", id)
    return (("table", "figure").index(numbered[1]), int(numbered[2])) if numbered else (2, 0)


IDS = tuple(sorted((*analyses.IDS, *tables.IDS), key=_place))
GROUPS = ("paper-a", "paper-b", "all")
RESERVED = ("claims",)
"""Names of files beside the tables' own, which no table may have."""


@cache
def members(group: str) -> tuple[str, ...]:
    """Ids of the experiments in one of GROUPS: a paper's tables, figures and analyses; `all` also has the audits."""
    if group == "all":
        return tuple(id for id in IDS if id not in analyses.IDS or analyses.analysis(id).paper)
    version_3 = tables.group("paper-a3") if group == "paper-a" else ()
    own = (id for id in analyses.IDS if analyses.analysis(id).paper == group)
    return tuple(sorted((*tables.group(group), *version_3, *own), key=IDS.index))


def experiment(id: str) -> Experiment:
    """Finds an experiment by its id or its file. Raises UserError with the nearest names where there is none."""
    if own.is_file(id):
        return own_table(Path(id))
    if id not in IDS:
        raise UserError(unknown("table", id, (*IDS, *GROUPS)))
    return tables.table(id) if id in tables.IDS else analyses.analysis(id)


def own_table(path: Path) -> Table:
    """Loads a user's table. Raises UserError where the file is wrong, or its id is one of the suite's."""
    table = own.load(path)
    for id in (*IDS, *GROUPS, *RESERVED):
        if table.id == id or (id in analyses.IDS and table.id.startswith(f"{id}-")):
            raise UserError(f"{path}: the id '{table.id}' would be taken for the suite's {id}; give the table another.")
    return table


def expand(names: Sequence[str]) -> tuple[str, ...]:
    """Replaces groups by their members, each name once."""
    return tuple(dict.fromkeys(id for name in names for id in (members(name) if name in GROUPS else (name,))))
