"""Sheets: all that a table is made of, its planned runs and those of them that are there (`journals` has the rule)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.runner.grid import Grid
from benchmarks.runner.plan import Run
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE
from benchmarks.views.journals import Journals, experiment
from results import statistics
from results.records import Record
from results.records.spec import RunSpec
from results.statistics.chance import Chance

FEW = 4
"""Origins of runs that a sentence names."""
Records = Mapping[tuple[str, str], Sequence[Record]]  # (network, row key) -> one record per seed


@dataclass(frozen=True)
class Sheet:
    """A table's grid and those of its runs that are there and count."""

    grid: Grid
    records: Records

    @property
    def table(self) -> Table:
        return self.grid.table

    @property
    def rows(self) -> Sequence[Row]:
        return self.grid.rows

    @property
    def networks(self) -> Sequence[str]:
        return self.grid.networks

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those of the runs that are there, where there are any."""
        return tuple(sorted({record.seed for record in self.used})) or self.grid.seeds

    @property
    def used(self) -> list[Record]:
        """The records of all rows."""
        return [record for of_row in self.records.values() for record in of_row]

    def of(self, network: str, row: str) -> Sequence[Record]:
        return self.records.get((network, row), ())

    def complete(self, network: str, row: str) -> list[Record]:
        return [record for record in self.of(network, row) if record.complete]

    def baseline(self, network: str, row: str = BASELINE.key) -> list[Record]:
        """BP's runs that the row's are held against: of the same workload, if there is such a row of it."""
        like = next(((one.workload, one.batch) for one in self.rows if one.key == row), None)
        alike = (one.key for one in self.rows if one.method == BASELINE.method and (one.workload, one.batch) == like)
        return self.complete(network, next(alike, BASELINE.key))

    def target_of(self, network: str) -> statistics.Target | None:
        """The paper's rule over the rows that the paper has; all rows where none of those was run, or there is none.

        One that runs may reach that have learnt nothing says so, and is none.
        """
        fixed = self.grid.target
        found = statistics.Target(fixed, "--target") if fixed is not None else self._worst_best(network)
        records = {row: of for (net, row), of in self.records.items() if net == network}
        return statistics.against_chance(found, records, self.chance(network)) if found is not None else None

    def goal_of(self, network: str) -> statistics.Target | None:
        """The target, where it is one."""
        found = self.target_of(network)
        return found if found is not None and not found.near_chance else None

    def _worst_best(self, network: str) -> statistics.Target | None:
        papers = self.grid.published if self.table.file is None else {}
        paper_rows = {row for net, row, _ in papers if net == network}
        per_row = {row.key: self.complete(network, row.key) for row in self.rows}
        return statistics.paper_target(per_row, paper_rows)

    def chance(self, network: str) -> Chance | None:
        """Guessing on the network's data; None where nothing is planned, or there are no classes."""
        planned = next((cell.runs[0] for cell in self.grid.cells if cell.network == network), None)
        return Chance.of(planned.labels) if planned is not None else None


def sheet_of(grid: Grid, journals: Journals) -> Sheet:
    found: dict[tuple[str, str], list[Record]] = {}
    for cell in grid.cells:
        for run in cell.runs:
            if (record := journals.of(run)) is not None:
                found.setdefault((cell.network, cell.row.key), []).append(_as_row(record, run))
    return Sheet(grid, found)


def _as_row(record: Record, run: Run) -> Record:
    """The record as a row of its method shows it: as its journal names such a row, if it does."""
    if method_of(record.row) == run.method.name:
        return record
    named = next((also for also in record.labels.also if method_of(also.row) == run.method.name), run.labels)
    return record.as_row(named.row, named.method_title)


def method_of(row: str) -> str:
    """The method of a row by its key: that of a run need not be the one that was trained."""
    return row.partition("@")[0]


def every_sheet(grids: Iterable[Grid], journals: Journals) -> Iterator[Sheet]:
    """Of every grid that has a run."""
    sheets = (sheet_of(grid, journals) for grid in grids)
    return (sheet for sheet in sheets if sheet.records)


# ---- what one has to know of the runs


def made_elsewhere(sheets: Iterable[Sheet]) -> str:
    """A sentence on the runs that count though other sources, another torch or other data made them; or ""."""
    made = list(sheets)
    planned = {run.id: run for sheet in made for run in sheet.grid.runs}
    used = {record.id: record for sheet in made for record in sheet.used}
    others = [record for record in used.values() if record.id not in planned]
    if not others:
        return ""
    here, torch = {_code(run.spec) for run in planned.values()}, {run.spec.torch for run in planned.values()}
    if any(_code(record.spec) not in here for record in others):
        what = "by other sources than this checkout's"
    elif any(record.spec.torch not in torch for record in others):
        what = "by another torch than this one"
    else:
        what = "on another form of their data, which are not here"
    origins = list(dict.fromkeys(f"commit {_commit(one)}, torch {one.spec.torch}" for one in others))
    more = f"; {len(origins) - FEW} more" if len(origins) > FEW else ""
    return f"{len(others)} of {len(used)} runs were made {what}: {'; '.join(origins[:FEW])}{more}."


def _code(spec: RunSpec) -> tuple[int | None, str | None]:
    return spec.numerics, spec.sources


def other_data(sheets: Iterable[Sheet]) -> str:
    """A sentence on the tables by which no claim is judged, since their data are others; "" where there are none."""
    said = {one.table.id: one.other_data for one in (sheet.grid for sheet in sheets) if one.cells and not one.judged}
    those = "; ".join(dict.fromkeys(said.values()))
    return f"No claim is judged by {', '.join(said)}, whose data are not the paper's: {those}." if said else ""


def _commit(record: Record) -> str:
    return str(record.environment.get("commit") or "unknown")[:12]


def not_shown(journals: Journals, sheets: Iterable[Sheet], elsewhere: Collection[str] = ()) -> Iterator[str]:
    """Sentences on the runs of the folder that no sheet of these has. elsewhere: ids of those shown otherwise."""
    used = {record.id: record for sheet in sheets for record in sheet.used}
    shown = {experiment(record.spec) for record in used.values()}
    left = [record for record in journals.records if record.id not in used and record.id not in elsewhere]
    strange = [record for record in left if experiment(record.spec) not in shown]
    if len(strange) < len(left):
        yield f"{len(left) - len(strange)} runs are not shown: others of the same experiments count instead of them."
    if strange:
        kinds = Counter(f"scale {record.scale}, {record.spec.executor} executor" for record in strange)
        said = "; ".join(f"{count} at {kind}" for kind, count in kinds.items())
        yield (
            f"{len(strange)} of {len(journals.records)} runs in the folder belong to no table as chosen here ({said}): "
            "other settings, methods, hardware, data or seeds; name them as `run` was given them to see these runs."
        )
