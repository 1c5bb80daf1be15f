"""`--set` goes before a table's literals: what a row is then, what it is then called, which rows are then one.

Where a setting changes what the table decides (an option of the method, a field of the workload, a batch), the row is
named by the value that it has, so that no published value stands beside it. Rows that become one run are one row. A
setting with several values makes a row of each, whether or not the table decides on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
"""Of `--set`: "workload", a method or an analysis -> option or field -> value as given."""


def row_method(table: Table, row: Row, settings: Settings) -> methods.Method:
    """The method of a row. Raises MethodError on an option or value that it does not take."""
    return methods.create(row.method, {**table.options_of(row), **settings.get(row.method, {})})


def row_workload(table: Table, network: str, row: Row, scale: str, settings: Settings) -> Workload:
    """The table's, with the row's own batch and settings; what the user set goes before both. Raises UserError."""
    like = table.networks[0]
    batch = workload(table.family, network, scale, like=like).at_batch(row.batch) if row.batch else {}
    set_here = {**table.workload, **batch, **row.workload, **settings.get("workload", {})}
    return workload(table.family, network, scale, set_here, like=like)


def settled(table: Table, rows: Sequence[Row], scale: str, settings: Settings) -> tuple[Row, ...]:
    """The rows as they are set, each run once: under a name that the table gives it, if there is one."""
    if not settings:
        return tuple(rows)
    same: dict[str, list[tuple[Row, Row]]] = {}
    for row in rows:
        now = _as_set(table, row, scale, settings)
        same.setdefault(run_of(table, now, scale, settings), []).append((row, now))
    return tuple(map(_one, same.values()))


def swept(
    table: Table, rows: Sequence[Row], scale: str, settings: Settings, sweeps: Sequence[Sweep]
) -> tuple[Row, ...]:
    """A row for each value, of several sweeps for each of their product; each run once. rows: as settled.

    A value that is the row's own leaves it its name, and so the published values beside it.
    """
    if not sweeps:
        return tuple(rows)
    found: dict[str, Row] = {}
    for row in rows:
        for point in _points(row, sweeps):
            now = _at(table, row, scale, settings, point) if point else row
            run = run_of(table, now, scale, settings)
            if run not in found or now.key == row.key:
                found[run] = now
    return tuple(found.values())


def told_apart(table: Table, rows: Sequence[Row], settings: Settings) -> tuple[Row, ...]:
    """The rows; those whose rate is times their devices are labelled so where other rows' of several devices is not.

    Without it defaults of two methods would differ in silence: DDP's rate is the schedule's, L-SGD's is not.
    """
    made = [row_method(table, row, settings) for row in rows]
    scaled = [method.learning_rate_factor != 1 for method in made]
    if len({one for one, method in zip(scaled, made, strict=True) if method.replicas > 1}) < 2:
        return tuple(rows)
    return tuple(_with_rate(row, method) if one else row for row, method, one in zip(rows, made, scaled, strict=True))


def _with_rate(row: Row, method: methods.Method) -> Row:
    said = getattr(method.options, "learning_rate", f"x {method.learning_rate_factor:g}")
    return row if "learning_rate" in row.variant else replace(row, swept={"learning_rate": said, **row.swept})


def _points(row: Row, sweeps: Sequence[Sweep]) -> Iterator[Settings]:
    """What is set at each point of the grid of those that concern the row: one point, {}, where none does."""
    mine = [sweep for sweep in sweeps if sweep.owner in (row.method, "workload")]
    for values in product(*(sweep.values for sweep in mine)):
        point: dict[str, dict[str, str]] = {}
        for sweep, value in zip(mine, values, strict=True):
            point.setdefault(sweep.owner, {})[sweep.key] = value
        yield point


def _at(table: Table, row: Row, scale: str, settings: Settings, point: Settings) -> Row:
    """The row at a point: named by what it has not been before, labelled by all that is swept."""
    both = {owner: {**settings.get(owner, {}), **point.get(owner, {})} for owner in {*settings, *point}}
    own, now = (row_method(table, row, given).describe() for given in (settings, both))
    options = {key: now[key] for key in point.get(row.method, {})}
    values = _values(table, row, scale, settings, both, point.get("workload", {}))
    fields = {key: its[0][1] for key, its in values.items()}
    changed = _changed(
        row,
        {key: value for key, value in options.items() if value != own[key]},
        {key: value for key, value in fields.items() if any(before != after for before, after in values[key])},
    )
    said = {SHORT.get(key, f"{WORKLOAD}{key}"): value for key, value in fields.items()}
    return replace(changed, swept={**options, **said})


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
    return _changed(row, options, fields)


def _changed(row: Row, options: Mapping[str, Any], fields: Mapping[str, Any]) -> Row:
    """The row with these, by which it is then named."""
    if not (options or fields):
        return row
    return replace(
        row,
        options={**row.options, **options},
        workload={**row.workload, **fields},
        batch=None if "batch" in fields else row.batch,
        named=tuple(dict.fromkeys((*row.named, *fields))),
        note="",
    )


def _options(table: Table, row: Row, settings: Settings) -> dict[str, Any]:
    """The options that the table decides on and the user set otherwise."""
    own, now = (row_method(table, row, given).describe() for given in ({}, settings))
    stated = table.stated(row.method)
    return {key: value for key, value in now.items() if key in stated and value != own[key]}


def _fields(table: Table, row: Row, scale: str, settings: Settings) -> dict[str, Any]:
    """The fields of the workload that the table decides on and the user set otherwise, on one network at least."""
    keys = sorted(table.stated_workload & settings.get("workload", {}).keys())
    found = _values(table, row, scale, {}, settings, keys)
    return {key: its[0][1] for key, its in found.items() if any(own != now for own, now in its)}


def _values(
    table: Table, row: Row, scale: str, before: Settings, after: Settings, keys: Collection[str]
) -> dict[str, list[tuple[Any, Any]]]:
    """What these fields of the workload are under either settings, on each network; nothing where there are none."""
    if not keys:
        return {}
    works = [
        [row_workload(table, network, row, scale, given) for given in (before, after)] for network in table.networks
    ]
    return {key: [(_field(own, key), _field(now, key)) for own, now in works] for key in keys}


def _field(work: Workload, key: str) -> Any:
    return reduce(getattr, key.split("."), work)


def run_of(table: Table, row: Row, scale: str, settings: Settings) -> str:
    """What tells the runs of a table apart, seeds aside."""
    works = [row_workload(table, network, row, scale, settings) for network in table.networks]
    return repr((row.method, row_method(table, row, settings).describe(), works, row.delays))
