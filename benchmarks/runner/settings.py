"""`--set` goes before a table's literals: what a row is then, what it is then called, which rows are then one.

Where a setting changes what the table decides (an option of the method, a field of the workload, a batch), the row is
named by the value that it has, so that no published value stands beside it. Rows that become one run are one row. A
setting with several values makes a row of each, whether or not the table decides on it.
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
"""Fields of the workload that a row's name has wherever they are set, whether or not the table decides on them."""


def row_method(table: Table, row: Row, settings: Settings) -> methods.Method:
    """The method of a row. Raises MethodError on an option or value that it does not take."""
    return methods.create(row.method, {**table.options_of(row), **settings.get(row.method, {})})


def row_workload(table: Table, network: str, row: Row, scale: str, settings: Settings) -> Workload:
    """The table's, with the row's own batch and settings; what the user set goes before both. Raises UserError."""
    known: dict[str, Any] = {"like": table.networks[0], "own": table.own}
    batch = workload(table.family, network, scale, **known).at_batch(row.batch) if row.batch else {}
    set_here = {**table.workload, **batch, **row.workload, **settings.get("workload", {})}
    return workload(table.family, network, scale, set_here, **known, budget=table.budget)


def settled(table: Table, rows: Sequence[Row], scale: str, settings: Settings) -> tuple[Row, ...]:
    """The rows as they are set, each run once: under a name that the table gives it, if there is one."""
    if not settings:
        return tuple(rows)
    same: dict[str, list[tuple[Row, Row]]] = {}
    fields = sorted((table.stated_workload | NAMED) & settings.get("workload", {}).keys())
    for row in rows:
        stated = table.stated(row.method)
        options = [name for name in methods.option_names(row.method) if name in stated]
        now, _ = _renamed(table, row, scale, ({}, settings), options, fields)
        same.setdefault(run_of(table, now, scale, settings), []).append((row, now))
    found = []
    for group in same.values():  # of rows that are one run: the table's own, if it still is that
        _, now = next((pair for pair in group if pair[0] == pair[1]), group[0])
        keys = tuple(row.key for row, _ in group)
        found.append(now if keys == (now.key,) else replace(now, instead=keys))
    return tuple(found)


def swept(
    table: Table, rows: Sequence[Row], scale: str, settings: Settings, sweeps: Sequence[Sweep]
) -> tuple[Row, ...]:
    """A row for each value, of several sweeps for each of their product; each run once. rows: as settled.

    A row is named by what it has not been before, labelled by all that is swept. A value that is the row's own leaves
    it its name, and so the published values beside it.
    """
    if not sweeps:
        return tuple(rows)
    found: dict[str, Row] = {}
    for row in rows:
        for point in _points(row, sweeps):
            both = {owner: {**settings.get(owner, {}), **point.get(owner, {})} for owner in {*settings, *point}}
            options, fields = (list(point.get(owner, {})) for owner in (row.method, "workload"))
            now, values = _renamed(table, row, scale, (settings, both), options, fields)
            now = replace(now, swept=values) if point else row
            run = run_of(table, now, scale, settings)
            if run not in found or now.key == row.key:
                found[run] = now
    return tuple(found.values())


def told_apart(table: Table, rows: Sequence[Row], settings: Settings) -> tuple[Row, ...]:
    """The rows; those whose rate is times their devices are labelled so where other rows' of several devices is not.

    Without it defaults of two methods would differ in silence: DDP's rate is the schedule's, L-SGD's is not.
    """
    pairs = [(row, row_method(table, row, settings)) for row in rows]
    if len({method.learning_rate_factor != 1 for _, method in pairs if method.replicas > 1}) < 2:
        return tuple(rows)
    return tuple(_with_rate(row, method) if method.learning_rate_factor != 1 else row for row, method in pairs)


def _with_rate(row: Row, method: methods.Method) -> Row:
    said = getattr(method.options, "learning_rate", f"x {method.learning_rate_factor:g}")
    return row if "learning_rate" in row.variant else replace(row, swept={"learning_rate": said, **row.swept})


def _points(row: Row, sweeps: Sequence[Sweep]) -> Iterator[Settings]:
    """Settings at each point of the grid of the sweeps that concern the row; one point, {}, where none does."""
    mine = [sweep for sweep in sweeps if sweep.owner in (row.method, "workload")]
    for values in product(*(sweep.values for sweep in mine)):
        point: dict[str, dict[str, str]] = {}
        for sweep, value in zip(mine, values, strict=True):
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
    """The row named by what of these differs between the settings before and after -> it, and all of their values.

    A field of the workload differs if it does so on one of the networks.
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
    """Yields a sentence for every row whose name `--set` has changed, or that stands for several rows now."""
    for row in rows:
        if len(row.instead) == 1:
            yield f"--set goes before the table: {row.instead[0]} is now {row.key}."
        elif row.instead:
            yield f"--set goes before the table: {' and '.join(row.instead)} are one run, shown once as {row.key}."


def run_of(table: Table, row: Row, scale: str, settings: Settings) -> str:
    """Key that is equal for rows with the same runs."""
    works = [row_workload(table, network, row, scale, settings) for network in table.networks]
    return repr((row.method, row_method(table, row, settings).describe(), works, row.delays))
