"""Conditions of outputs: what was chosen (`runner.rerun`), and what the runs tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from benchmarks.analyses import registry as analyses
from benchmarks.analyses.definition import Analysis
from benchmarks.runner import environment
from benchmarks.runner.choices import Choices
from benchmarks.runner.rerun import condition, settings, words
from benchmarks.views.table_runs import TableRuns
from results.frames import card, commit, torch
from results.measures import need
from results.tables import Conditions, ResultTable, RunCondition


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


def of_choices(chosen: Choices) -> RunCondition:
    """Condition of many tables, such as the claims': each has its own hardware unless --hardware names one."""
    if chosen.kind.needs_card and chosen.card is None:
        return RunCondition(chosen.scale, chosen.executor, "", chosen.device, "", tuple(words(chosen)))
    return condition(chosen, chosen.card, words(chosen))


def of_analysis(analysis: Analysis, chosen: Choices, tables: Sequence[ResultTable]) -> Sequence[ResultTable]:
    """The tables of an analysis, each with what was chosen; with this torch and commit where it names none."""
    others = {"workload", *analyses.IDS} - {analysis.id}
    owners = {*chosen.settings, *(sweep.owner for sweep in chosen.sweeps)} - others
    selection = tuple(words(chosen, owners, without=()))
    here = environment.checkout()

    def chosen_for(conditions: Conditions) -> Conditions:
        return replace(
            conditions,
            selection=selection,
            settings=settings(chosen, owners),
            torch=conditions.torch or (environment.package("torch"),),
            commits=conditions.commits or ((here,) if here else ()),
        )

    return [replace(table, conditions=chosen_for(table.conditions)) for table in tables]
