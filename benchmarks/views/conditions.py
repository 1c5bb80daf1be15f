"""Conditions of outputs: what was chosen (`runner.conditions`), and what was found under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.analyses import registry as analyses
from benchmarks.analyses.definition import Analysis
from benchmarks.runner import environment
from benchmarks.runner.choices import Choices
from benchmarks.runner.conditions import condition, settings, words
from benchmarks.views.table_runs import TableRuns
from results.frames import card, commit, torch
from results.measures import need
from results.records import Record
from results.tables import Conditions, ResultTable, RunCondition


def of_table(table_runs: TableRuns) -> Conditions:
    """Conditions of a table, with what was found."""
    goals = {net: goal.value for net in table_runs.networks if (goal := table_runs.goal_of(net)) is not None}
    targets = goals if need(table_runs.table.measures, "target") else {}
    return replace(found([table_runs], table_runs.grid.condition), settings=table_runs.grid.settings, targets=targets)


def found(shown_tables: Sequence[TableRuns], given: RunCondition) -> Conditions:
    """A condition, with the runs that tables of it have."""
    records = list({record.id: record for table_runs in shown_tables for record in table_runs.used}.values())
    there = {record.seed for record in records} or {seed for table_runs in shown_tables for seed in table_runs.seeds}
    said = {name: getattr(given, name) for name in RunCondition.__dataclass_fields__}
    return Conditions(
        **said,
        seeds=tuple(sorted(there)),
        runs=len(records),
        torch=tuple(sorted({torch(record) for record in records} - {""})),
        commits=tuple(sorted({commit(record) for record in records} - {""})),
        cards=tuple(sorted({card(record) for record in records})),
        data=_data(records),
    )


def _data(records: Iterable[Record]) -> dict[str, str]:
    """Label of a data set -> its fingerprint."""
    works = {record.labels.data_label or record.spec.workload.dataset: record.spec.workload for record in records}
    return {label: work.dataset_sha256 for label, work in sorted(works.items())}


def of_choices(chosen: Choices) -> RunCondition:
    """Condition of many tables, such as the claims': hardware is each table's own unless --hardware names one."""
    if chosen.kind.needs_card and chosen.card is None:
        return RunCondition(chosen.scale, chosen.executor, "", chosen.device, "", tuple(words(chosen)))
    return condition(chosen, chosen.card, words(chosen))


def of_analysis(one: Analysis, chosen: Choices, made: Sequence[ResultTable]) -> Sequence[ResultTable]:
    """The tables of an analysis, each with what was chosen; where it says nothing of torch and commit, those here."""
    others = {"workload", *analyses.IDS} - {one.id}
    owners = {*chosen.settings, *(sweep.owner for sweep in chosen.sweeps)} - others
    said = tuple(words(chosen, owners, card=chosen.card.name if chosen.card is not None else ""))
    here = environment.checkout()
    return [
        replace(
            table,
            conditions=replace(
                table.conditions,
                selection=said,
                settings=settings(chosen, owners),
                torch=table.conditions.torch or (environment.package("torch"),),
                commits=table.conditions.commits or ((here,) if here else ()),
            ),
        )
        for table in made
    ]
