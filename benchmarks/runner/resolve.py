"""Resolves a table and the choices into a grid: the one place where settings become rows, runs and words.

Settings of `--set` win over the table's literals. A row whose option, workload field or batch a setting changes is
named by the new value, so that no published value stands beside it. Rows that become one run are one row. A setting
with several values makes a row for each.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import product
from typing import Any

import methods
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.hardware.card import Card
from benchmarks.hardware.cards import load as load_card
from benchmarks.hardware.delays import Delay
from benchmarks.runner.choices import Choices, Sweep
from benchmarks.runner.grid import Grid, GridRow
from benchmarks.runner.plan import of_row
from benchmarks.runner.rerun import OF_A_CARD, command, condition, settings, words
from benchmarks.tables import registry
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.naming import SHORT, WORKLOAD
from benchmarks.tables.shared import BASELINE
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.scales import TRAINED
from benchmarks.workloads.workload import Workload, workload
from results.measures import need
from results.published import ANY_ROW, Key, Published

Settings = Mapping[str, Mapping[str, str]]
"""Settings of `--set`: owner ("workload", a method, an analysis) -> option or field -> value as given."""

NAMED = frozenset({"shards.alpha", "shards.seed"})
"""Fields of the workload that, once set, are in a row's name even if the table does not state them."""


def tables(choices: Choices) -> tuple[Table, ...]:
    """All tables: the suite's, and the user's own."""
    return (*map(registry.table, registry.IDS), *choices.own_tables)


def grids(choices: Choices, families: Collection[str] = (), at_hand: Iterable[Grid] = ()) -> Iterator[Grid]:
    """Yields the grids of all tables that accept the choices.

    families: of workloads; none: all. at_hand: grids that were resolved from the same choices before.
    """
    resolved = {grid.table.id: grid for grid in at_hand}
    for table in tables(choices):
        if families and table.family not in families:
            continue
        with contextlib.suppress(*USER_ERRORS):
            yield resolved.get(table.id) or resolve(table, choices)


def resolve(table: Table, choices: Choices) -> Grid:
    """The grid of a table under the choices. Tables with equal runs share them, by identity.

    Raises UserError or MethodError on a setting that a workload or method does not take; UserError where the card or a
    row delays a device that no run has, or the target lies outside the measure's range; and as `plan.run`.
    """
    if (choices.own, choices.budget) != (table.own, table.budget):
        table = replace(table, title=_title(table, choices), own=choices.own, budget=choices.budget)
    rows, networks = _rows(table, choices), _networks(table, choices)
    card = choices.card or load_card(table.card) if choices.kind.needs_card else None
    cells = tuple(_cell(table, network, row, choices, card) for network in networks for row in rows)
    if cells and card is not None:
        _check_delays(table, cells, card)
    if choices.target is not None:
        _check_target(table, cells, choices.target)
    owners = {"workload", *(row.method for row in rows)}
    fewer = bool(choices.methods) and {row.key for row in rows} != {row.key for row in _rows(table, choices.whole)}
    unchanged = [("methods", not fewer), ("networks", networks == table.networks), ("card", True)]
    selection = words(choices, owners, without=[field for field, is_unchanged in unchanged if is_unchanged])
    return Grid(
        table=table,
        rows=rows,
        works={name: row_workload(table, name, BASELINE, choices.scale, choices.settings) for name in networks},
        cells=cells,
        kind=choices.kind,
        recorded=choices.record,
        card=card,
        seeds=choices.seeds,
        condition=condition(choices, card, selection),
        command=command([table.id], choices),
        published=_published(table, cells),
        settings=settings(choices, owners),
        swept=tuple(sweep.key for sweep in choices.sweeps if sweep.owner == "workload"),
        remarks=tuple(_remarks(choices)),
        cautions=tuple(_cautions(choices, cells)),
        target=choices.target,
    )


def _title(table: Table, choices: Choices) -> str:
    """The title, in which a user's own data take the place of the paper's; a user's own table keeps its title."""
    own, paper = choices.own.data, data_card(table.family)
    if own is None or table.file is not None or choices.settings.get("workload", {}).get("dataset") != own.name:
        return table.title
    place, rest = f"{own.title} in {paper.title}'s place", table.title.removeprefix(paper.title)
    return f"{place}{rest}" if rest != table.title else f"{place}: {rest}"


def _cell(table: Table, network: str, row: Row, choices: Choices, card: Card | None) -> GridRow:
    work = row_workload(table, network, row, choices.scale, choices.settings)
    method = row_method(table, row, choices.settings)
    first = of_row(work, row, method, choices.seeds[0], choices, card)
    runs = (first, *(first.at(seed=seed) for seed in choices.seeds[1:]))  # many seeds take their time otherwise
    return GridRow(network, row, work, method, runs)


def _published(table: Table, cells: Sequence[GridRow]) -> Mapping[Key, Published]:
    """Published values to show beside the runs. A network's target is shown only if all of its rows have theirs."""
    apart = {(cell.network, cell.row.key) for cell in cells if not _beside(cell)}
    if not apart:
        return table.published
    shown = {cell.network for cell in cells if (cell.network, cell.row.key) not in apart}
    apart |= {(network, ANY_ROW) for network, _ in apart}
    return {key: value for key, value in table.published.items() if key[0] in shown and key[:2] not in apart}


def _beside(cell: GridRow) -> bool:
    """Whether published values may be shown beside a row: its data, task and tokens are those of its scale."""
    work, data = cell.work, cell.runs[0].data
    if work.dataset == work.family and data.unlike(data_card(work.family)):
        return False
    return _measured_on(work) == _measured_on(work.at(work.scale))


def _measured_on(work: Workload) -> tuple[object, ...]:
    """Data, their shards, task and unit of tokens: all that decides what a loss means."""
    return (work.dataset, work.shards, work.task, work.tokens.unit if work.tokens is not None else "")


def _rows(table: Table, choices: Choices) -> tuple[Row, ...]:
    """Rows of the table, of plug-ins and of --method, filtered by --method, with settings and sweeps applied.

    Raises UserError or MethodError on an unknown name or setting.
    """
    wanted = (*choices.plugin_methods, *choices.methods, *(sweep.owner for sweep in choices.sweeps))
    chosen = list(table.rows)
    for name in dict.fromkeys(name for name in wanted if name in methods.names()):
        if name not in {row.method for row in chosen}:
            chosen.append(Row(name, note=_not_there(table)))
    if choices.methods:
        chosen = [row for row in chosen if row.method in choices.methods or row.key in choices.methods]
        chosen += _asked(table, chosen, choices)
        if need(table.measures, "baseline") and BASELINE.key not in {row.key for row in chosen}:
            chosen.append(BASELINE)
    as_set = settled(table, chosen, choices.scale, choices.settings)
    as_swept = swept(table, as_set, choices.scale, choices.settings, choices.sweeps)
    return told_apart(table, as_swept, choices.settings)


def _not_there(table: Table) -> str:
    return "not in the paper's table" if table.file is None else "not in the table's file"


def _asked(table: Table, chosen: Iterable[Row], choices: Choices) -> Iterator[Row]:
    """Yields rows that --method names by options and that are not chosen yet: the table's own, else new ones.

    A new row has the workload fields that all of the table's rows of its method share without naming them.
    """
    own_rows = {run_of(table, row, choices.scale, {}): row for row in table.rows}
    keys = {row.key for row in chosen}
    for name in dict.fromkeys(choices.methods):
        if "@" not in name or name in keys:
            continue
        named = Row.parsed(name)
        unsaid = [row.unsaid for row in table.rows if row.method == named.method]
        shared = unsaid[0] if unsaid and all(setting == unsaid[0] for setting in unsaid) else {}
        row = replace(named, workload={**shared, **named.workload}, note=_not_there(table))
        row = own_rows.setdefault(run_of(table, row, choices.scale, {}), row)
        if row.key not in keys:
            keys.add(row.key)
            yield row


def _networks(table: Table, choices: Choices) -> tuple[str, ...]:
    """The table's networks, filtered by --network; then networks of --network that no paper trains."""
    chosen = [network for network in table.networks if not choices.networks or network in choices.networks]
    return tuple(dict.fromkeys([*chosen, *(network for network in choices.networks if network not in TRAINED)]))


def _check_delays(table: Table, cells: Sequence[GridRow], card: Card) -> None:
    devices = max(cell.method.devices for cell in cells)
    delays: Sequence[Delay] = card.delayed([delay for cell in cells for delay in cell.row.delays]).delays
    slow, away = (
        ((delay.device, "delayed") for delay in delays),
        ((absence.device, "absent") for absence in card.absent),
    )
    for device, what in (*slow, *away):
        if device >= devices:
            existing = f"devices 0 to {devices - 1}" if devices > 1 else "device 0 alone"
            raise UserError(
                f"The runs of {table.id} have {existing}, and device {device} is to be {what}: "
                f"name one that they have, or leave out that it is {what}."
            )


def _check_target(table: Table, cells: Sequence[GridRow], target: float) -> None:
    for judge in dict.fromkeys(cell.runs[0].labels.judge for cell in cells):
        low, high = judge.bounds
        if not (low < target <= high and math.isfinite(target)):
            ends = [f"above {low:g}"] if math.isfinite(low) else []
            ends += [f"up to {high:g}"] if math.isfinite(high) else []
            wanted = " and ".join(ends) or "a finite number"
            raise UserError(f"--target {target:g}: give a value to reach, {wanted}, of {table.id}'s {judge.heading}.")


def _remarks(choices: Choices) -> Iterator[str]:
    for owner, options in choices.settings.items():
        named = (f"{owner}.{key}={value}" for key, value in options.items())
        yield f"Set: {', '.join(text for text in named if choices.own.data is None or text not in OF_A_CARD)}."
    for sweep in choices.sweeps:
        yield f"Swept: {sweep.name} over {', '.join(sweep.values)}."


def _cautions(choices: Choices, cells: Sequence[GridRow]) -> Iterator[str]:
    """Warns where a learning rate was set and the warm-up's was not, which then keeps its value."""
    chosen_fields = {
        *choices.settings.get("workload", {}),
        *(sweep.key for sweep in choices.sweeps if sweep.owner == "workload"),
    }
    chosen_fields |= {
        key for key in ("schedule.lr", "schedule.warm_up_lr") if any(f"{key}=" in row for row in choices.methods)
    }
    if "schedule.lr" not in chosen_fields or "schedule.warm_up_lr" in chosen_fields:
        return
    schedules = [cell.work.schedule for cell in cells if cell.work.schedule.warm_up_epochs]
    pairs = dict.fromkeys((schedule.warm_up_lr, schedule.lr) for schedule in schedules)
    ratios = ", ".join(f"{warm:g} is {warm / rate:.3g} times {rate:g}" for warm, rate in pairs)
    if ratios:
        yield (
            f"The learning rate was set, that of the warm-up was not, and stays what it was: {ratios}. "
            "Set workload.schedule.warm_up_lr as well."
        )


# ---- rows under settings


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
    """The rows with a name each, labelled by their rate where only some methods of several devices scale it.

    Settings may leave rows that differ in what their names do not say: these are named by all that they set. By default
    DDP's rate is the schedule's, and L-SGD's is multiplied by its devices.
    """
    named = Counter(row.key for row in rows)
    rows = tuple(row.in_full if named[row.key] > 1 else row for row in rows)
    pairs = [(row, row_method(table, row, settings)) for row in rows]
    if len({method.learning_rate_factor != 1 for _, method in pairs if method.replicas > 1}) < 2:
        return rows
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
    before, after = (row_method(table, row, variant).describe() for variant in settings)
    values = {name: after[name] for name in options}
    new_options = {name: value for name, value in values.items() if value != before[name]}
    new_fields = {}
    for field in fields:
        pairs = [
            [
                reduce(getattr, field.split("."), row_workload(table, network, row, scale, variant))
                for variant in settings
            ]
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


def run_of(table: Table, row: Row, scale: str, settings: Settings) -> str:
    """Key of a row's runs, equal for rows with the same runs."""
    works = [row_workload(table, network, row, scale, settings) for network in table.networks]
    return repr((row.method, row_method(table, row, settings).describe(), works, row.delays))
