"""Evidence for the papers' claims: the values of all tables, as far as their runs are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.analyses import registry as analyses
from benchmarks.executors.registry import executor
from benchmarks.papers.fitted import is_fitted, relative_seconds
from benchmarks.views.table_runs import TableRuns
from results import published
from results.measures import MEASURES
from results.published import Published
from results.records import Record
from results.statistics import Summary, best, extent
from results.tables import ResultTable, RunCondition, files

CellKey = tuple[str, str, str, str]
"""(table, network, row, measure)."""


@dataclass(frozen=True)
class RunsEvidence:
    """Evidence for claims: tables by the runs of all their rows, analyses by the files that `run` wrote."""

    condition: RunCondition
    out: Path
    shown: tuple[TableRuns, ...]

    @property
    def scale(self) -> str:
        return self.condition.scale

    @property
    def simulated(self) -> bool:
        return executor(self.condition.executor).simulated

    @cached_property
    def _by_id(self) -> Mapping[str, TableRuns]:
        return {table_runs.table.id: table_runs for table_runs in self.shown}

    @cached_property
    def _values(self) -> Mapping[CellKey, Summary]:
        return {
            (table_runs.table.id, *key): value
            for table_runs in self.shown
            if not table_runs.grid.cells or table_runs.grid.judged
            for key, value in table_runs.measured().items()
        }

    def fitted(self, table_id: str, network: str, row_key: str) -> bool:
        return is_fitted(self._card(table_id), table_id, network, row_key)

    def relative_seconds(self, table_id: str, network: str, row_key: str) -> tuple[float, ...]:
        return relative_seconds(self._card(table_id), table_id, network, row_key)

    def _card(self, table_id: str) -> str:
        """The name of the card that charged a table's runs; "" in real time, and where nothing of it was run."""
        found = self._by_id.get(table_id)
        return found.grid.card.name if found is not None and found.grid.card is not None else ""

    def _records(self, table_id: str, network: str, row_key: str) -> Sequence[Record]:
        found = self._by_id.get(table_id)
        return found.of(network, row_key) if found is not None else ()

    def diverged(self, table_id: str, network: str, row_key: str) -> int:
        return sum(run.status == "diverged" for run in self._records(table_id, network, row_key))

    def still_rising(self, table_id: str, network: str, row_key: str) -> int:
        return sum(map(_still_rising, self._records(table_id, network, row_key)))

    def runs(self, table_id: str, network: str, row_key: str) -> frozenset[str]:
        return frozenset(run.id for run in self._records(table_id, network, row_key) if run.complete)

    def value(self, table_id: str, network: str, row_key: str, measure: str) -> Summary | None:
        return self._values.get((table_id, network, row_key, measure))

    def by_seed(self, table_id: str, network: str, row_key: str, measure: str) -> Mapping[int, float]:
        found = self._by_id.get(table_id)
        return found.by_seed(network, row_key, MEASURES[measure]) if found is not None else {}

    def published(self, table_id: str, network: str, row_key: str, measure: str) -> Published | None:
        return published.load(table_id).get((network, row_key, measure))

    def tables(self, id: str) -> Sequence[ResultTable]:
        """Tables of an analysis, of this scale where it has one, and of the plainest selection.

        A table's own file may be of other runs: its table_runs counts.
        """
        if id not in analyses.IDS:
            return ()
        scaled = analyses.analysis(id).scaled
        found = files.by_condition(self.out / "tables", id).values()
        return next((its for its in found if not scaled or its[0].conditions.scale == self.scale), ())


def _still_rising(record: Record) -> bool:
    """Whether its last evaluation is its best, and it was not stopped for want of a better one."""
    top, last = best(record), extent(record)
    stopped = bool((record.end or {}).get("early_stopped"))
    return top is not None and last is not None and top.epochs == last.epochs and not stopped
