"""Feeds MLflow with tables: their runs, the values that they show, and the files that show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.tables.definition import Table
from benchmarks.views import conditions
from benchmarks.views.table_runs import TableRuns, method_of
from benchmarks.workloads.data.cards import card, names
from results import published, tracking
from results.groups import Measured, Runs, runs_of
from results.published import ANY_ROW, TARGET
from results.records import Record
from results.records.spec import Labels
from results.statistics import Summary
from results.statistics.chance import Chance
from results.tracking import FeedReport


def feed(whole: Sequence[TableRuns], chosen: Sequence[TableRuns], out: Path) -> FeedReport:
    """Feed the runs of tables to MLflow; of a value that several tables have, the first's counts.

    Args:
        whole: tables of the same choices with all their rows, as far as they have runs.
        chosen: the tables that were asked for. The targets of the whole table hold for them; where it has none (near
            chance, for example), they have none either. So values do not depend on the rows chosen.

    Raises:
        ResultsError: mlflow is not installed, or the store does not answer.
    """
    whole_by_id = {table_runs.table.id: table_runs for table_runs in whole}
    shown_tables = [*whole, *(replace(one, targets_of=whole_by_id.get(one.table.id)) for one in chosen)]
    measured: dict[Runs, dict[str, Summary]] = {}
    artifacts: dict[str, list[Path]] = {}
    for table_runs in shown_tables:
        files = _files(table_runs, out)
        for record in table_runs.used:
            kept = artifacts.setdefault(record.id, [])
            kept += [file for file in files if file not in kept]
        for runs, values in _of_runs(table_runs).items():
            measured[runs] = values | measured.get(runs, {})
    theirs = published_lines(table_runs.table for table_runs in shown_tables)
    found = {
        (record.id, method_of(record.row)): record
        for table_runs in reversed(shown_tables)
        for record in table_runs.used
    }
    records = list(found.values())
    return feed_records(records, theirs=theirs, measured=measured, artifacts=artifacts)


def published_lines(tables: Iterable[Table]) -> list[published.PublishedLine]:
    """Returns what was published of tables of the user's own; the suite's is known without (`published.by_dataset`)."""
    return [
        published.PublishedLine(table.id, table.family, key, value)
        for table in tables
        for key, value in (table.values or {}).items()
    ]


def feed_records(
    records: Sequence[Record],
    uri: str | None = None,
    *,
    theirs: Iterable[published.PublishedLine] = (),
    measured: Measured | None = None,
    artifacts: Mapping[str, Sequence[Path]] | None = None,
) -> FeedReport:
    """Lay runs into MLflow. theirs: published values of tables of the user's own. Raises as `feed`."""
    return tracking.feed(
        records,
        published=published.by_dataset(theirs),
        uri=uri,
        measured=measured,
        artifacts=artifacts,
        apart=apart(records),
        chance=chance,
    )


def apart(records: Iterable[Record]) -> set[str]:
    """The fingerprints of data that were chosen in the place of a family's own: no published value belongs beside."""
    works = [record.spec.workload for record in records]
    ours = {name: card(name).family for name in names()}
    return {work.dataset_sha256 for work in works if ours.get(work.dataset) != work.family}


def chance(record: Record) -> Chance | None:
    """Guessing on a run's data: by its labels, else, as of an earlier version's run, by the card of the data."""
    dataset = record.spec.workload.dataset
    if record.labels.classes or dataset not in names():
        return Chance.of(record.labels)
    known, taken = card(dataset), record.spec.workload.test_samples
    return Chance.of(Labels(classes=known.classes, test_samples=taken or known.test_samples))


def _of_runs(table_runs: TableRuns) -> dict[Runs, dict[str, Summary]]:
    """A table's values by the runs of each row, with the target that they rest on; none is a finding too."""
    rows = ((row, table_runs.complete(network, row)) for network, row in table_runs.records)
    found: dict[Runs, dict[str, Summary]] = {runs_of(row, records): {} for row, records in rows}
    values = table_runs.measured()
    for (network, row, measure), value in values.items():
        if row != ANY_ROW:
            target = values.get((network, ANY_ROW, TARGET))
            runs = runs_of(row, table_runs.complete(network, row))
            found[runs] |= {measure: value} if target is None else {TARGET: target, measure: value}
    return found


def _files(table_runs: TableRuns, out: Path) -> list[Path]:
    """Files written of a table under its condition, now or before."""
    given, id = conditions.of_table(table_runs), table_runs.table.id
    tables, figures = given.folder(out / "tables"), given.folder(out / "figures")
    paths = (tables / f"{id}.json", tables / f"{id}.csv", tables / f"{id}.md", figures / f"{id}.png")
    return [path for path in paths if path.is_file()]
