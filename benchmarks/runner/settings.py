"""Applies `--set` to a table's rows: settings win over the table's literals.

A row whose option, workload field or batch a setting changes is named by the new value, so that no published value
stands beside it. Rows that become one run are one row. A setting with several values makes a row for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import product
from typing import Any

import methods
from benchmarks.runner.choices import Sweep
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.naming import SHORT, WORKLOAD
from benchmarks.workloads.workload import Workload, workload

Settings = Mapping[str, Mapping[str, str]]
"""Settings of `--set`: owner ("workload", a method, an analysis) -> option or field -> value as given."""

NAMED = frozenset({"shards.alpha", "shards.seed"})
"""Fields of the workload that, once set, are in a row's name even if the table does not state them."""


def row_method(table: Table, row: Row, settings: Settings) -> methods.Method:
    """The method of a row with its settings. Raises MethodError on an option or value that it does not take."""
    return methods.create(row.method, {**table.options_of(row), **settings.get(row.method, {})})


def row_workload(table: Table, network: str, row: Row, scale: str, settings: Settings) -> Workload:
    """The workload of a row on a network: settings win over the row, the row over the table. Raises UserError."""
    context: dict[str, Any] = {"like": table.networks[0], "own": table.own}
    batch = workload(table.family, network, scale, **context).at_batch(row.batch) if row.batch else {}
    values = {**table.workload, **batch, **row.workload, **settings.get("workload", {})}
    return workload(table.family, network, scale, values, **context, budget=table.budget)


def settled(table: Table, rows: Sequence[Row], scale: str, settings: Settings) -> tuple[Row, ...]:
    """The rows with their settings, each run once: under the table's own name for it, if there is one."""
    if not settings:
        return tuple(rows)
    same: dict[str, list[tuple[Row, Row]]] = {}
    fields = sorted((table.stated_workload | NAMED) & settings.get("workload", {}).keys())
    for row in rows:
        stated = table.stated(row.method)
        options = [name for name in methods.option_names(row.method) if name in stated]
        now, _ = _renamed(table, row, scale, ({}, settings), options, fields)
        same.setdefault(run_of(table, now, scale, settings), []).append((row, now))
    merged = []
    for group in same.values():  # rows that are one run: the table's own, if it is unchanged
        _, now = next((pair for pair in group if pair[0] == pair[1]), group[0])
        keys = tuple(row.key for row, _ in group)
        merged.append(now if keys == (now.key,) else replace(now, instead=keys))
    return tuple(merged)


def swept(
    table: Table, rows: Sequence[Row], scale: str, settings: Settings, sweeps: Sequence[Sweep]
) -> tuple[Row, ...]:
    """A row for each point of the sweeps' grid, each run once. rows: as `settled` gives them.

    A row is named by the values that differ from the table's and labelled by all swept values, so that at its own
    values it keeps its name, and the published values beside it.
    """
    if not sweeps:
        return tuple(rows)
    by_run: dict[str, Row] = {}
    for row in rows:
        for point in _points(row, sweeps):
            both = {owner: {**settings.get(owner, {}), **point.get(owner, {})} for owner in {*settings, *point}}
            options, fields = (list(point.get(owner, {})) for owner in (row.method, "workload"))
            now, values = _renamed(table, row, scale, (settings, both), options, fields)
            now = replace(now, swept=values) if point else row
            run = run_of(table, now, scale, settings)
            if run not in by_run or now.key == row.key:
                by_run[run] = now
    return tuple(by_run.values())


def told_apart(table: Table, rows: Sequence[Row], settings: Settings) -> tuple[Row, ...]:
    """The rows, labelled by their learning rate where only some methods of several devices scale it.

    By default DDP's rate is the schedule's, and L-SGD's is multiplied by its devices.
    """
    pairs = [(row, row_method(table, row, settings)) for row in rows]
    if len({method.learning_rate_factor != 1 for _, method in pairs if method.replicas > 1}) < 2:
        return tuple(rows)
    return tuple(_with_rate(row, method) if method.learning_rate_factor != 1 else row for row, method in pairs)


def _with_rate(row: Row, method: methods.Method) -> Row:
    rate = getattr(method.options, "learning_rate", f"x {method.learning_rate_factor:g}")
    return row if "learning_rate" in row.variant else replace(row, swept={"learning_rate": rate, **row.swept})


def _points(row: Row, sweeps: Sequence[Sweep]) -> Iterator[Settings]:
    """Settings at each point of the grid of the sweeps that concern the row; one point, {}, where none does."""
    own_sweeps = [sweep for sweep in sweeps if sweep.owner in (row.method, "workload")]
    for values in product(*(sweep.values for sweep in own_sweeps)):
        point: dict[str, dict[str, str]] = {}
        for sweep, value in zip(own_sweeps, values, strict=True):
            point.setdefault(sweep.owner, {})[sweep.key] = value
        yield point


def _renamed(
    table: Table,
    row: Row,
    scale: str,
    settings: tuple[Settings, Settings],
    options: Sequence[str],
    fields: Sequence[str],
) -> tuple[Row, dict[str, Any]]:
    """Names a row by the options and fields that the second settings change -> it, and the values of all of them.

    A field counts as changed if it changes on one of the networks.
    """
    before, after = (row_method(table, row, given).describe() for given in settings)
    values = {name: after[name] for name in options}
    new_options = {name: value for name, value in values.items() if value != before[name]}
    new_fields = {}
    for field in fields:
        pairs = [
            [reduce(getattr, field.split("."), row_workload(table, network, row, scale, given)) for given in settings]
            for network in table.networks
        ]
        values[SHORT.get(field, f"{WORKLOAD}{field}")] = pairs[0][1]
        if any(old != new for old, new in pairs):
            new_fields[field] = pairs[0][1]
    if not (new_options or new_fields):
        return row, values
    now = replace(
        row,
        options={**row.options, **new_options},
        workload={**row.workload, **new_fields},
        batch=None if "batch" in new_fields else row.batch,
        named=tuple(dict.fromkeys((*row.named, *new_fields))),
        note="",
    )
    return now, values


def renamed(rows: Iterable[Row]) -> Iterator[str]:
    """Yields a sentence for every row that `--set` has renamed, or merged with others."""
    for row in rows:
        if len(row.instead) == 1:
            yield f"--set goes before the table: {row.instead[0]} is now {row.key}."
        elif row.instead:
            yield f"--set goes before the table: {' and '.join(row.instead)} are one run, shown once as {row.key}."


def run_of(table: Table, row: Row, scale: str, settings: Settings) -> str:
    """Key of a row's runs, equal for rows with the same runs."""
    works = [row_workload(table, network, row, scale, settings) for network in table.networks]
    return repr((row.method, row_method(table, row, settings).describe(), works, row.delays))
