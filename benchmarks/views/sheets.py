"""Sheets: all that a table is made of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.hardware.card import Card
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Row, Table
from results import published, records, statistics
from results.errors import ResultsError
from results.records import Record

Records = Mapping[tuple[str, str], Sequence[Record]]  # (network, row key) -> one record per seed


@dataclass(frozen=True)
class Sheet:
    """All that a table is made of. planned: its runs, of which `records` holds those that are there."""

    table: Table
    choices: Choices
    rows: Sequence[Row]
    networks: Sequence[str]
    planned: Sequence[Run]
    records: Records
    target: float | None = None  # percent, if the user fixed one

    @property
    def card(self) -> Card | None:
        return plan.card_of(self.table, self.choices)

    def of(self, network: str, row: str) -> Sequence[Record]:
        return self.records.get((network, row), ())

    def complete(self, network: str, row: str) -> list[Record]:
        return [record for record in self.of(network, row) if record.complete]

    def target_of(self, network: str) -> statistics.Target | None:
        """The paper's rule over the rows that the paper has; all rows where none of those was run."""
        if self.target is not None:
            return statistics.Target(self.target, "--target")
        paper_rows = {row for net, row, _ in published.load(self.table.id) if net == network}
        per_row = {row.key: self.complete(network, row.key) for row in self.rows}
        return statistics.paper_target(per_row, paper_rows)


def sheet_of(one: Table, chosen: Choices, planned: Sequence[Run], out: Path, target: float | None) -> Sheet:
    found: dict[tuple[str, str], list[Record]] = {}
    for run in planned:
        path = records.folder_of(out, run.id) / records.JOURNAL
        if path.is_file():
            key = run.spec.workload.network, run.labels.row
            with contextlib.suppress(ResultsError):  # cut before its first line: nothing of it is there
                found.setdefault(key, []).append(records.read(path))
    return Sheet(one, chosen, plan.rows(one, chosen), plan.networks(one, chosen), planned, found, target)


def every_sheet(chosen: Choices, out: Path, target: float | None = None) -> Iterator[Sheet]:
    """All tables with all their rows, as far as their runs are there."""
    every_row = replace(chosen, methods=())
    for id in tables.IDS:
        one = tables.table(id)
        with contextlib.suppress(UserError):  # a table of the virtual clock alone has none in real time
            yield sheet_of(one, every_row, plan.runs(one, every_row), out, target)
