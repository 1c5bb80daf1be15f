"""The runs of a table: those planned, those of them that are there (`journals` has the rule), and their values."""

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
"""Origins of runs that a sentence names."""
Records = Mapping[tuple[str, str], Sequence[Record]]  # (network, row key) -> one record per seed


@dataclass(frozen=True)
class TableRuns:
    """A table's grid and those of its runs that are there and count.

    targets_of: another table of the same networks, whose targets hold here as well, so that the two can be compared.
    """

    grid: Grid
    records: Records
    targets_of: TableRuns | None = None

    @cached_property
    def table(self) -> Table:
        """The grid's; with bits per byte, where rows are of unlike tokens, and values at the best validation."""
        added = [BITS.key] if self.grid.unlike_tokens else []
        if any(cell.work.validation is not None for cell in self.grid.cells):
            added.append(at_validation(self.judge).key)
        more = [key for key in added if key not in self.grid.table.measures]
        return replace(self.grid.table, measures=(*self.grid.table.measures, *more)) if more else self.grid.table

    @property
    def measures(self) -> Sequence[Measure]:
        """The table's measures under their judge's names; those of a token are not ranked where tokens are unlike."""
        measures = [named(MEASURES[key], self.judge) for key in self.table.measures]
        unlike = bool(self.grid.unlike_tokens)
        of_token = [one.key in PER_TOKEN or one.needs in BUDGETS for one in measures]
        return [replace(one, better="") if unlike and of else one for one, of in zip(measures, of_token, strict=True)]

    @property
    def rows(self) -> Sequence[Row]:
        return self.grid.rows

    @property
    def networks(self) -> Sequence[str]:
        return self.grid.networks

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs that are there; those chosen where there are none."""
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

    @cached_property
    def targets(self) -> Mapping[str, statistics.Target | None]:
        """Target of each network: the paper's rule over the rows that the paper has, else over all.

        A target that runs may reach without having learnt anything says so (`near_chance`), and no time is taken to it.
        """
        if self.targets_of is not None:
            return self.targets_of.targets
        found: dict[str, statistics.Target | None] = {}
        papers = self.grid.published if self.table.file is None else {}
        for network in self.networks:
            per_row = {row.key: self.complete(network, row.key) for row in self.rows}
            paper_rows = {row for net, row, _ in papers if net == network}
            if len(paper_rows) < 2:  # one row beside a published figure sets no target for all others
                paper_rows = set()
            target = statistics.paper_target(per_row, paper_rows)
            if self.grid.target is not None:
                target = statistics.Target(self.grid.target, "--target", self.judge)
            if self.grid.unlike_tokens:
                target = None
            if target is not None:
                records = {row: of for (net, row), of in self.records.items() if net == network}
                target = statistics.against_chance(target, records, self.chance(network))
            found[network] = target
        return found

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
        found = {}
        for network in self.networks:
            target = self.targets[network]
            why = target.near_chance if target is not None else self.grid.unlike_tokens
            value = target.value if target is not None and not why else None
            budgets = {what: most for what, (most, _) in self.budgets(network).items()}
            found[network] = Context(value, (), budgets, why, self.chance(network))
        return found

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
        """All values, for tracking and claims, by (network, row, measure); a table's target is the row "*"."""
        found = {}
        for network in self.networks:
            goal = self.goal_of(network)
            if goal is not None and need(self.table.measures, "target"):
                found[network, published.ANY_ROW, published.TARGET] = Summary(goal.value, None, 0)
            for row in self.rows:
                for measure in self.table.measures:
                    summary, _ = self.value(network, row.key, MEASURES[measure])
                    if summary is not None:
                        found[network, row.key, measure] = summary
        return found


def find_runs(grid: Grid, journals: Journals) -> TableRuns:
    """The runs of a grid that are there, each as the row that it was planned for."""
    found: dict[tuple[str, str], list[Record]] = {}
    for cell in grid.cells:
        for run in cell.runs:
            if (record := journals.of(run)) is not None:
                found.setdefault((cell.network, cell.row.key), []).append(_as_row(record, run))
    return TableRuns(grid, found)


def _as_row(record: Record, run: Run) -> Record:
    """The record as a row of its method shows it: as its journal names such a row, if it does."""
    if method_of(record.row) == run.method.name:
        return record
    named = next((also for also in record.labels.also if method_of(also.row) == run.method.name), run.labels)
    return record.as_row(named.row, named.method_title)


def method_of(row: str) -> str:
    """The method of a row by its key: that of a run need not be the one that was trained."""
    return row.partition("@")[0]


def find_all_runs(grids: Iterable[Grid], journals: Journals) -> Iterator[TableRuns]:
    """The tables of those grids that have a run."""
    shown_tables = (find_runs(grid, journals) for grid in grids)
    return (table_runs for table_runs in shown_tables if table_runs.records)


# ---- what one has to know of the runs


def made_elsewhere(shown_tables: Iterable[TableRuns]) -> str:
    """A sentence on the runs that count though other sources, another torch or other data made them; or ""."""
    made = list(shown_tables)
    planned = {run.id: run for table_runs in made for run in table_runs.grid.runs}
    used = {record.id: record for table_runs in made for record in table_runs.used}
    others = [record for record in used.values() if record.id not in planned]
    if not others:
        return ""
    specs = [run.spec for run in planned.values()]
    code = {(spec.numerics, spec.sources) for spec in specs}
    if any((one.spec.numerics, one.spec.sources) not in code for one in others):
        what = "by other sources than this checkout's"
    elif any(one.spec.torch not in {spec.torch for spec in specs} for one in others):
        what = "by another torch than this one"
    else:
        what = "on another form of their data, which are not here"
    commits = [str(one.environment.get("commit") or "unknown")[:12] for one in others]
    pairs = zip(commits, others, strict=True)
    origins = list(dict.fromkeys(f"commit {commit}, torch {one.spec.torch}" for commit, one in pairs))
    more = f"; {len(origins) - FEW} more" if len(origins) > FEW else ""
    return f"{len(others)} of {len(used)} runs were made {what}: {'; '.join(origins[:FEW])}{more}."


def other_data(shown_tables: Iterable[TableRuns]) -> str:
    """A sentence on the tables by which no claim is judged, since their data are others; "" where there are none."""
    said = {
        one.table.id: one.other_data
        for one in (table_runs.grid for table_runs in shown_tables)
        if one.cells and not one.judged
    }
    those = "; ".join(dict.fromkeys(said.values()))
    return f"No claim is judged by {', '.join(said)}, whose data are not the paper's: {those}." if said else ""


def not_shown(journals: Journals, shown_tables: Iterable[TableRuns], elsewhere: Collection[str] = ()) -> Iterator[str]:
    """Sentences on the runs of the folder that none of these tables has. elsewhere: ids of those shown otherwise."""
    used = {record.id: record for table_runs in shown_tables for record in table_runs.used}
    shown = {experiment(record.spec) for record in used.values()}
    left = [record for record in journals.records if record.id not in used and record.id not in elsewhere]
    strange = [record for record in left if experiment(record.spec) not in shown]
    if len(strange) < len(left):
        yield f"{len(left) - len(strange)} runs are not shown: others of the same experiments count instead of them."
    if strange:
        kinds = Counter(
            f"scale {size_of(record.scale, record.budget)}, {record.spec.executor} executor" for record in strange
        )
        said = "; ".join(f"{count} at {kind}" for kind, count in kinds.items())
        yield (
            f"{len(strange)} of {len(journals.records)} runs in the folder belong to no table as chosen here ({said}): "
            "other settings, methods, hardware, data or seeds; name them as `run` was given them to see these runs."
        )
