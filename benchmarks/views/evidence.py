"""Evidence for the papers' claims: the values of all tables, as far as they were run."""

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

    def fitted(self, table_id: str, network: str, row_key: str) -> bool:
        return is_fitted(self._card(table_id), table_id, network, row_key)

    def relative_seconds(self, table_id: str, network: str, row_key: str) -> tuple[float, ...]:
        return relative_seconds(self._card(table_id), table_id, network, row_key)

    def _card(self, table_id: str) -> str:
        """Name of the card that charged a table's runs; "" in real time, and without runs."""
        table_runs = self._by_id.get(table_id)
        return table_runs.grid.card.name if table_runs is not None and table_runs.grid.card is not None else ""

    def _records(self, table_id: str, network: str, row_key: str) -> Sequence[Record]:
        return self._by_id[table_id].of(network, row_key) if table_id in self._by_id else ()

    def diverged(self, table_id: str, network: str, row_key: str) -> int:
        return sum(run.status == "diverged" for run in self._records(table_id, network, row_key))

    def still_rising(self, table_id: str, network: str, row_key: str) -> int:
        return sum(map(_still_rising, self._records(table_id, network, row_key)))

    def runs(self, table_id: str, network: str, row_key: str) -> frozenset[str]:
        return frozenset(run.id for run in self._records(table_id, network, row_key) if run.complete)

    def value(self, table_id: str, network: str, row_key: str, measure: str) -> Summary | None:
        table_runs = self._by_id.get(table_id)
        if table_runs is None or (table_runs.grid.cells and not table_runs.grid.judged):
            return None
        return table_runs.value(network, row_key, MEASURES[measure])[0]

    def by_seed(self, table_id: str, network: str, row_key: str, measure: str) -> Mapping[int, float]:
        table_runs = self._by_id.get(table_id)
        return table_runs.by_seed(network, row_key, MEASURES[measure]) if table_runs is not None else {}

    def published(self, table_id: str, network: str, row_key: str, measure: str) -> Published | None:
        return published.load(table_id).get((network, row_key, measure))

    def tables(self, id: str) -> Sequence[ResultTable]:
        """Tables of an analysis, of this scale where it has one, and of the plainest selection.

        Empty for a table: its file may be of other runs.
        """
        if id not in analyses.IDS:
            return ()
        scaled = analyses.analysis(id).scaled
        per_condition = files.by_condition(self.out / "tables", id).values()
        at_scale = (tables for tables in per_condition if not scaled or tables[0].conditions.scale == self.scale)
        return next(at_scale, ())


def _still_rising(record: Record) -> bool:
    """Whether its last evaluation is its best, and it was not stopped early for lack of a better one."""
    top, last = best(record), extent(record)
    stopped = bool((record.end or {}).get("early_stopped"))
    return top is not None and last is not None and top.epochs == last.epochs and not stopped
