"""What the runs at hand say of the papers' claims: the values of all tables, as far as their runs are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.papers.claims import written
from benchmarks.runner.choices import Choices
from benchmarks.views import sheets
from benchmarks.views.values import measured
from results import published
from results.published import Published
from results.statistics import Summary
from results.tables import ResultTable

Key = tuple[str, str, str, str]
"""(table, network, row, measure)."""


@dataclass(frozen=True)
class Evidence:
    """What the papers' claims ask for: tables from journals, analyses from the tables that `run` wrote."""

    chosen: Choices
    out: Path

    @property
    def scale(self) -> str:
        return self.chosen.scale

    @property
    def simulated(self) -> bool:
        return self.chosen.kind.simulated

    @cached_property
    def values(self) -> Mapping[Key, Summary]:
        return {
            (sheet.table.id, *key): value
            for sheet in sheets.every_sheet(self.chosen, self.out)
            for key, value in measured(sheet).items()
        }

    def value(self, table_id: str, network: str, row_key: str, measure: str) -> Summary | None:
        return self.values.get((table_id, network, row_key, measure))

    def published(self, table_id: str, network: str, row_key: str, measure: str) -> Published | None:
        return published.load(table_id).get((network, row_key, measure))

    def tables(self, id: str) -> Sequence[ResultTable]:
        return written.tables(self.out / "tables", id)
