"""Feeds MLflow with tables: their runs, values and files."""

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
    """Feeds the runs of tables to MLflow; of a value that several tables have, the first's counts.

    Args:
        whole: tables of the same choices with all their rows, as far as they have runs.
        chosen: the tables that were asked for. The targets of the whole table hold for them (none, if it has none), so
            that values do not depend on the rows chosen.

    Raises:
        ResultsError: mlflow is not installed, or the store does not answer.
    """
    whole_by_id = {table_runs.table.id: table_runs for table_runs in whole}
    tables = [*whole, *(replace(table_runs, targets_of=whole_by_id.get(table_runs.table.id)) for table_runs in chosen)]
    measured: dict[Runs, dict[str, Summary]] = {}
    artifacts: dict[str, dict[Path, None]] = {}
    records: dict[tuple[str, str], Record] = {}
    for table_runs in tables:
        files = dict.fromkeys(_files(table_runs, out))
        for record in table_runs.used:
            artifacts.setdefault(record.id, {}).update(files)
        for runs, values in _of_runs(table_runs).items():
            measured[runs] = values | measured.get(runs, {})
    for table_runs in reversed(tables):
        records |= {(record.id, method_of(record.row)): record for record in table_runs.used}
    return feed_records(
        list(records.values()),
        theirs=published_lines(table_runs.table for table_runs in tables),
        measured=measured,
        artifacts={id: list(paths) for id, paths in artifacts.items()},
    )


def published_lines(tables: Iterable[Table]) -> list[published.PublishedLine]:
    """Returns the published values of the user's own tables; `published.by_dataset` has the suite's."""
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
    """Feeds runs to MLflow. theirs: published values of the user's own tables. Raises as `feed`."""
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
    """Fingerprints of data chosen in place of a family's own: published values do not belong beside their runs."""
    works = [record.spec.workload for record in records]
    return {work.dataset_sha256 for work in works if is_apart(work.dataset, work.family)}


def is_apart(dataset: str, family: str) -> bool:
    """Whether data were chosen in place of a family's own, or of those that stand in for them."""
    return dataset not in names() or card(dataset).family != family


def chance(record: Record) -> Chance | None:
    """Guessing on a run's data: by its labels, or for a run of an earlier version by the card of its data."""
    dataset = record.spec.workload.dataset
    if record.labels.classes or dataset not in names():
        return Chance.of(record.labels)
    data, taken = card(dataset), record.spec.workload.test_samples
    return Chance.of(Labels(classes=data.classes, test_samples=taken or data.test_samples))


def _of_runs(table_runs: TableRuns) -> dict[Runs, dict[str, Summary]]:
    """A table's values by the runs of each row, with the target that they rest on; empty for a row without any."""
    runs = {key: runs_of(key[1], table_runs.complete(*key)) for key in table_runs.records}
    of_runs: dict[Runs, dict[str, Summary]] = {group: {} for group in runs.values()}
    values = table_runs.measured()
    for (network, row, measure), value in values.items():
        if row != ANY_ROW:
            target = values.get((network, ANY_ROW, TARGET))
            of_runs[runs[network, row]] |= {measure: value} if target is None else {TARGET: target, measure: value}
    return of_runs


def _files(table_runs: TableRuns, out: Path) -> list[Path]:
    """Files of a table under its condition, written now or before."""
    condition, id = conditions.of_table(table_runs), table_runs.table.id
    tables, figures = condition.folder(out / "tables"), condition.folder(out / "figures")
    paths = (tables / f"{id}.json", tables / f"{id}.csv", tables / f"{id}.md", figures / f"{id}.png")
    return [path for path in paths if path.is_file()]
