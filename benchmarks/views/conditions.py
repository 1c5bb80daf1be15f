"""Conditions of outputs: what was chosen, as the grid has it, and what the runs tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from benchmarks.views.table_runs import TableRuns
from results.frames import card, commit, torch
from results.measures import need
from results.tables import Conditions, RunCondition


@dataclass(frozen=True)
class AtCondition:
    """The tables that have runs under one condition: as chosen (shown), and with all rows (full), for the claims."""

    condition: RunCondition
    shown: tuple[TableRuns, ...]
    full: tuple[TableRuns, ...]


def of_table(table_runs: TableRuns) -> Conditions:
    """Conditions of a table and its runs."""
    goals = {
        network: goal.value for network in table_runs.networks if (goal := table_runs.goal_of(network)) is not None
    }
    targets = goals if need(table_runs.table.measures, "target") else {}
    with_runs = of_runs([table_runs], table_runs.grid.condition)
    return replace(with_runs, settings=table_runs.grid.settings, targets=targets)


def of_runs(shown_tables: Sequence[TableRuns], condition: RunCondition) -> Conditions:
    """A condition with what the runs of tables tell: seeds, torch, commits, hardware cards, data."""
    records = list({record.id: record for table_runs in shown_tables for record in table_runs.used}.values())
    seeds = {record.seed for record in records} or {seed for table_runs in shown_tables for seed in table_runs.seeds}
    works = {record.labels.data_label or record.spec.workload.dataset: record.spec.workload for record in records}
    return Conditions(
        **asdict(condition),
        seeds=tuple(sorted(seeds)),
        runs=len(records),
        torch=tuple(sorted({torch(record) for record in records} - {""})),
        commits=tuple(sorted({commit(record) for record in records} - {""})),
        cards=tuple(sorted({card(record) for record in records})),
        data={label: work.dataset_sha256 for label, work in sorted(works.items())},
    )
