"""`--set` goes before a table's literals: what a row is then, what it is then called, which rows are then one.

Where a setting changes what the table decides (an option of the method, a field of the workload, a batch), the row is
named by the value that it has, so that no published value stands beside it. Rows that become one run are one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import methods
from benchmarks.tables.definition import Row, Table
from benchmarks.workloads.workload import Workload, workload

Settings = Mapping[str, Mapping[str, str]]
"""Of `--set`: "workload", a method or an analysis -> option or field -> value as given."""


def row_method(table: Table, row: Row, settings: Settings) -> methods.Method:
    """The method of a row. Raises MethodError on an option or value that it does not take."""
    return methods.create(row.method, {**table.options_of(row), **settings.get(row.method, {})})


def row_workload(table: Table, network: str, row: Row, scale: str, settings: Settings) -> Workload:
    """The table's, with the row's own batch and settings; what the user set goes before both. Raises UserError."""
    like = table.networks[0]
    batch = workload(table.family, network, scale, like=like).at_batch(row.batch) if row.batch else {}
    return workload(table.family, network, scale, {**batch, **row.workload, **settings.get("workload", {})}, like=like)


def settled(table: Table, rows: Sequence[Row], scale: str, settings: Settings) -> tuple[Row, ...]:
    """The rows as they are set, each run once: under a name that the table gives it, if there is one."""
    if not settings:
        return tuple(rows)
    same: dict[str, list[tuple[Row, Row]]] = {}
    for row in rows:
        now = _as_set(table, row, scale, settings)
        same.setdefault(_run(table, now, scale, settings), []).append((row, now))
    return tuple(map(_one, same.values()))


def renamed(rows: Iterable[Row]) -> Iterator[str]:
    """A sentence for every row that stands in the place of others."""
    for row in rows:
        if len(row.instead) == 1:
            yield f"--set goes before the table: {row.instead[0]} is now {row.key}."
        elif row.instead:
            yield f"--set goes before the table: {' and '.join(row.instead)} are one run, shown once as {row.key}."


def _one(group: Sequence[tuple[Row, Row]]) -> Row:
    """Of rows (as the table has them, as they are set) that are one run: the table's own, if it still is that."""
    _, chosen = next((pair for pair in group if pair[0] == pair[1]), group[0])
    keys = tuple(row.key for row, _ in group)
    return chosen if keys == (chosen.key,) else replace(chosen, instead=keys)


def _as_set(table: Table, row: Row, scale: str, settings: Settings) -> Row:
    options, fields = _options(table, row, settings), _fields(table, row, scale, settings)
    if not (options or fields):
        return row
    return replace(
        row,
        options={**row.options, **options},
        workload={**row.workload, **fields},
        batch=None if "batch" in fields else row.batch,
        named=tuple(fields),
        note="",
    )


def _options(table: Table, row: Row, settings: Settings) -> dict[str, Any]:
    """The options that the table decides on and the user set otherwise."""
    own, now = (row_method(table, row, given).describe() for given in ({}, settings))
    stated = table.stated(row.method)
    return {key: value for key, value in now.items() if key in stated and value != own[key]}


def _fields(table: Table, row: Row, scale: str, settings: Settings) -> dict[str, Any]:
    """The fields of the workload that the table decides on and the user set otherwise, on one network at least."""
    found: dict[str, Any] = {}
    for key in sorted(table.stated_workload & settings.get("workload", {}).keys()):
        for network in table.networks:
            own, now = (_field(row_workload(table, network, row, scale, given), key) for given in ({}, settings))
            if own != now:
                found[key] = now
    return found


def _field(work: Workload, key: str) -> Any:
    return reduce(getattr, key.split("."), work)


def _run(table: Table, row: Row, scale: str, settings: Settings) -> str:
    """What tells the runs of a table apart, seeds aside."""
    works = [row_workload(table, network, row, scale, settings) for network in table.networks]
    return repr((row.method, row_method(table, row, settings).describe(), works, row.delays))
