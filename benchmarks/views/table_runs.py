"""The runs of a table: those planned, those present (`journals` has the rule), and their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from benchmarks.runner.grid import Grid
from benchmarks.runner.plan import Run
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE
from benchmarks.views.journals import Journals, experiment
from benchmarks.workloads.scales import size_of
from results import published, statistics
from results.measures import MEASURES, Context, Measure, at_validation, by_seed, incidents, named, need
from results.published import Key, Published
from results.records import Record
from results.records.spec import ACCURACY, Judge
from results.statistics import Summary
from results.statistics.budgets import BUDGETS, Budget, smallest
from results.statistics.chance import Chance
from results.tables import ResultCell

BITS = MEASURES["bits_per_byte"]
_PER_TOKEN = ("loss", "accuracy_percent")
PER_TOKEN = {
    "perplexity",
    "loss_at_best_validation",
    *(f"{when}_{what}" for when in ("best", "test", "train") for what in _PER_TOKEN),
}
"""Measures that no two units of tokens have in common."""
FEW = 4
"""Most origins of runs that a sentence names."""
Records = Mapping[tuple[str, str], Sequence[Record]]  # (network, row key) -> one record per seed


@dataclass(frozen=True)
class TableRuns:
    """A table's grid and its present runs.

    targets_of: another table of the same networks, whose targets hold here as well, so that the two can be compared.
    """

    grid: Grid
    records: Records
    targets_of: TableRuns | None = None

    @cached_property
    def table(self) -> Table:
        """The grid's, with bits per byte if rows are of unlike tokens, and values at the best validation."""
        table, added = self.grid.table, []
        if self.grid.unlike_tokens:
            added.append(BITS.key)
        if any(cell.work.validation is not None for cell in self.grid.cells):
            added.append(at_validation(self.judge).key)
        return replace(table, measures=tuple(dict.fromkeys((*table.measures, *added))))

    @property
    def measures(self) -> Sequence[Measure]:
        """The table's measures, named by what runs are judged by; unranked if per token and tokens are unlike."""
        measures = [named(MEASURES[key], self.judge) for key in self.table.measures]
        if not self.grid.unlike_tokens:
            return measures
        return [replace(m, better="") if m.key in PER_TOKEN or m.needs in BUDGETS else m for m in measures]

    @property
    def rows(self) -> Sequence[Row]:
        return self.grid.rows

    @property
    def networks(self) -> Sequence[str]:
        return self.grid.networks

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the present runs; the chosen ones where there are none."""
        return tuple(sorted({record.seed for record in self.used})) or self.grid.seeds

    @property
    def used(self) -> list[Record]:
        """The records of all rows."""
        return [record for records in self.records.values() for record in records]

    def of(self, network: str, row: str) -> Sequence[Record]:
        return self.records.get((network, row), ())

    def complete(self, network: str, row: str) -> list[Record]:
        return [record for record in self.of(network, row) if record.complete]

    def baseline(self, network: str, row: str = BASELINE.key) -> list[Record]:
        """BP's runs that the row is compared with: of the same workload, if there is such a row of BP."""
        workloads = {each.key: (each.workload, each.batch) for each in self.rows}
        alike = (
            each.key
            for each in self.rows
            if each.method == BASELINE.method and workloads[each.key] == workloads.get(row)
        )
        return self.complete(network, next(alike, BASELINE.key))

    @cached_property
    def targets(self) -> Mapping[str, statistics.Target | None]:
        """Target of each network: the paper's rule over the rows that the paper has, else over all.

        A target that runs may reach without having learnt anything says so (`near_chance`), and no time is taken to it.
        """
        if self.targets_of is not None:
            return self.targets_of.targets
        return {network: self._target(network) for network in self.networks}

    def _target(self, network: str) -> statistics.Target | None:
        if self.grid.unlike_tokens:
            return None
        if self.grid.target is not None:
            target: statistics.Target | None = statistics.Target(self.grid.target, "--target", self.judge)
        else:
            printed = self.grid.published if self.table.file is None else {}
            paper_rows = {row for net, row, _ in printed if net == network}
            per_row = {row.key: self.complete(network, row.key) for row in self.rows}
            # one row beside a published figure sets no target for all others
            target = statistics.paper_target(per_row, paper_rows if len(paper_rows) > 1 else set())
        if target is None:
            return None
        records = {row: records for (net, row), records in self.records.items() if net == network}
        return statistics.against_chance(target, records, self.chance(network))

    def goal_of(self, network: str) -> statistics.Target | None:
        """Target of a network; None where there is none, or where it is near chance."""
        target = self.targets[network]
        return target if target is not None and not target.near_chance else None

    @property
    def judge(self) -> Judge:
        """The metric that the table's runs are judged by."""
        return next((cell.runs[0].labels.judge for cell in self.grid.cells), ACCURACY)

    def budgets(self, network: str) -> Mapping[Budget, tuple[float, str]]:
        """Samples, seconds and bytes at which the network's rows are compared, each with the row that sets it."""
        if self.targets_of is not None:
            return self.targets_of.budgets(network)
        return smallest(record for row in self.rows for record in self.complete(network, row.key))

    def chance(self, network: str) -> Chance | None:
        """Guessing on the network's data; None where nothing is planned, or there are no classes."""
        planned = next((cell.runs[0] for cell in self.grid.cells if cell.network == network), None)
        return Chance.of(planned.labels) if planned is not None else None

    # ---- values

    def context(self, network: str, row: str = BASELINE.key) -> Context:
        """Facts that a row's values rest on: the network's target and the row's baseline."""
        return replace(self._contexts[network], baseline=self.baseline(network, row))

    @cached_property
    def _contexts(self) -> dict[str, Context]:
        contexts = {}
        for network in self.networks:
            target = self.targets[network]
            why = target.near_chance if target is not None else self.grid.unlike_tokens
            value = target.value if target is not None and not why else None
            budgets = {what: most for what, (most, _) in self.budgets(network).items()}
            contexts[network] = Context(value, (), budgets, why, self.chance(network))
        return contexts

    def value(self, network: str, row: str, measure: Measure) -> tuple[Summary | None, str]:
        """The value of a cell with a footnote, or None with why there is none."""
        records, missing = self.complete(network, row), incidents(self.of(network, row))
        if not records:
            return None, missing or "not run"
        summary, reason = measure.value(records, self.context(network, row))
        return summary, reason or missing

    def cell(self, network: str, row: str, measure: Measure, beside: Published | None = None) -> ResultCell:
        """A cell: its value, or why there is none, with those of its single runs. beside: the published value."""
        seeds = measure.by_run(self.complete(network, row), self.context(network, row))
        return ResultCell(beside, *self.value(network, row, measure), seeds)

    def by_seed(self, network: str, row: str, measure: Measure) -> Mapping[int, float]:
        """Values of a cell by seed; empty where not every run has one."""
        return by_seed(self.complete(network, row), measure, self.context(network, row))

    def measured(self) -> dict[Key, Summary]:
        """All values, for tracking, by (network, row, measure); a table's target is the row "*"."""
        values = {}
        for network in self.networks:
            goal = self.goal_of(network)
            if goal is not None and need(self.table.measures, "target"):
                values[network, published.ANY_ROW, published.TARGET] = Summary(goal.value, None, 0)
            for row in self.rows:
                for measure in self.table.measures:
                    summary, _ = self.value(network, row.key, MEASURES[measure])
                    if summary is not None:
                        values[network, row.key, measure] = summary
        return values


def find_runs(grid: Grid, journals: Journals) -> TableRuns:
    """The present runs of a grid, each as the row that it was planned for."""
    records: dict[tuple[str, str], list[Record]] = {}
    for cell in grid.cells:
        for run in cell.runs:
            if (record := journals.of(run)) is not None:
                records.setdefault((cell.network, cell.row.key), []).append(_as_row(record, run))
    return TableRuns(grid, records)


def _as_row(record: Record, run: Run) -> Record:
    """The record under the row of the run's method, named as in its journal if such a row is there."""
    if method_of(record.row) == run.method.name:
        return record
    labels = next((also for also in record.labels.also if method_of(also.row) == run.method.name), run.labels)
    return record.as_row(labels.row, labels.method_title)


def method_of(row: str) -> str:
    """The method in a row's key; a run of the row may have trained another one that is the same algorithm."""
    return row.partition("@")[0]


def find_all_runs(grids: Iterable[Grid], journals: Journals) -> Iterator[TableRuns]:
    """The tables of those grids that have a run."""
    return (table_runs for grid in grids if (table_runs := find_runs(grid, journals)).records)


# ---- sentences on the runs


def made_elsewhere(shown_tables: Iterable[TableRuns]) -> str:
    """A sentence on runs that count though other sources, another torch or other data made them; or ""."""
    tables = list(shown_tables)
    planned = {run.id: run.spec for table_runs in tables for run in table_runs.grid.runs}
    used = _by_id(tables)
    others = [record for record in used.values() if record.id not in planned]
    if not others:
        return ""
    code = {(spec.numerics, spec.sources) for spec in planned.values()}
    if any((record.spec.numerics, record.spec.sources) not in code for record in others):
        what = "by other sources than this checkout's"
    elif any(record.spec.torch not in {spec.torch for spec in planned.values()} for record in others):
        what = "by another torch than this one"
    else:
        what = "on another form of their data, which are not here"
    commits = ((record, str(record.environment.get("commit") or "unknown")[:12]) for record in others)
    origins = list(dict.fromkeys(f"commit {commit}, torch {record.spec.torch}" for record, commit in commits))
    more = f"; {len(origins) - FEW} more" if len(origins) > FEW else ""
    return f"{len(others)} of {len(used)} runs were made {what}: {'; '.join(origins[:FEW])}{more}."


def other_data(shown_tables: Iterable[TableRuns]) -> str:
    """A sentence on tables that judge no claim, since their data are not the paper's; or ""."""
    grids = [table_runs.grid for table_runs in shown_tables]
    texts = {grid.table.id: grid.other_data for grid in grids if grid.cells and not grid.judged}
    data = "; ".join(dict.fromkeys(texts.values()))
    return f"No claim is judged by {', '.join(texts)}, whose data are not the paper's: {data}." if texts else ""


def not_shown(journals: Journals, shown_tables: Iterable[TableRuns], elsewhere: Collection[str] = ()) -> Iterator[str]:
    """Sentences on the folder's runs that no table shows. elsewhere: ids of runs that something else shows."""
    used = _by_id(shown_tables)
    experiments = {experiment(record.spec) for record in used.values()}
    left = [record for record in journals.records if record.id not in used and record.id not in elsewhere]
    others = [record for record in left if experiment(record.spec) not in experiments]
    if len(others) < len(left):
        yield f"{len(left) - len(others)} runs are not shown: others of the same experiments count instead of them."
    if others:
        kinds = Counter(
            f"scale {size_of(record.scale, record.budget)}, {record.spec.executor} executor" for record in others
        )
        counts = "; ".join(f"{count} at {kind}" for kind, count in kinds.items())
        yield (
            f"{len(others)} of {len(journals.records)} runs in the folder belong to no table as chosen here ({counts}"
            "): other settings, methods, hardware, data or seeds; name them as `run` was given them to see these runs."
        )


def _by_id(shown_tables: Iterable[TableRuns]) -> dict[str, Record]:
    return {record.id: record for table_runs in shown_tables for record in table_runs.used}
