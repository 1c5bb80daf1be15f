"""All that has a name: tables and figures of training runs, analyses, and the groups that name many of them."""

from __future__ import annotations

from collections.abc import Sequence

import methods
from benchmarks.analyses import registry as analyses
from benchmarks.analyses.definition import Analysis
from benchmarks.errors import UserError
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Table

Experiment = Table | Analysis

_A = (
    *(f"table{i}" for i in range(1, 11)),
    *(f"figure{i}" for i in range(1, 5)),
    "speedup",
    "staleness",
    "stationary",
    *tables.PAPER_A3,
)
GROUPS = {"paper-a": _A, "paper-b": tables.PAPER_B, "all": (*_A, *tables.PAPER_B, *tables.AUDITS)}
IDS = GROUPS["all"]


def experiment(id: str) -> Experiment:
    """Raises UserError, offering the nearest names, when there is none."""
    if id not in IDS:
        raise UserError(methods.unknown("table", id, (*IDS, *GROUPS)))
    return tables.table(id) if id in tables.IDS else analyses.analysis(id)


def expand(names: Sequence[str]) -> tuple[str, ...]:
    """Groups by what is in them, each name once."""
    return tuple(dict.fromkeys(id for name in names for id in GROUPS.get(name, (name,))))
