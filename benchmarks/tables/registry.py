"""The tables by name."""

from __future__ import annotations

import importlib
from functools import cache

from benchmarks.errors import UserError
from benchmarks.tables.definition import Table
from methods.errors import unknown
from results.measures import of_runs

PAPER_A = ("table1", "table2", "table3", "table4", "table5", "table6", "table7", "table8")


FIGURES_A = ("figure2", "figure3", "figure4")


PAPER_A3 = ("v3-mfu", "v3-stragglers", "v3-ratio")


PAPER_B = (*(f"lap-table{i}" for i in range(1, 12)), "lap-figure1", "lap-figure2")


AUDITS = ("audit-stem", "audit-updaters", "audit-lap", "audit-staleness", "audit-activations")


OTHERS = ("others-cifar10",)


IDS = (*PAPER_A, *FIGURES_A, *PAPER_A3, *PAPER_B, *AUDITS, *OTHERS)


@cache
def table(id: str) -> Table:
    """Raises UserError, offering the nearest names, when there is none."""
    if id not in IDS:
        raise UserError(unknown("table", id, IDS))
    found: Table = importlib.import_module(f"benchmarks.tables.{id.replace('-', '_')}").TABLE
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
