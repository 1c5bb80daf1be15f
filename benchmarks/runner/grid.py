"""Resolves a table and the choices into a grid: the one place where settings become rows, runs and words."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import methods
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.executors.registry import ExecutorKind
from benchmarks.hardware.card import Card
from benchmarks.hardware.cards import load as load_card
from benchmarks.hardware.delays import Delay
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run, of_row
from benchmarks.runner.rerun import Command, command, condition, settings, words
from benchmarks.runner.settings import row_method, row_workload, run_of, settled, swept, told_apart
from benchmarks.tables import registry
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.scales import TRAINED, size_of
from benchmarks.workloads.workload import Workload, workload
from results.measures import need
from results.published import ANY_ROW, Key, Published
from results.tables import RunCondition


@dataclass(frozen=True)
class GridRow:
    """A row on a network as it is trained. runs: one for each seed."""

    network: str
    row: Row
    work: Workload
    method: methods.Method
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Grid:
    """A resolved table: all runs to be trained for it, and what outputs say of them.

    rows: the same on every network. cells: network by network. works: workload that the rows of a network share. card:
    hardware that they share; None in real time. published: values to show beside the rows; none where the user chose
    other data than the scale's. settings: "workload.stem" -> value, for the table's methods. swept: fields of the
    workload with several values. remarks: sentences on what was set; cautions: on what was not set with it. target: in
    the unit of the measure, if the user fixed one.
    """

    table: Table
    rows: tuple[Row, ...]
    works: Mapping[str, Workload]
    cells: tuple[GridRow, ...]
    kind: ExecutorKind
    recorded: bool
    card: Card | None
    seeds: tuple[int, ...]
    condition: RunCondition
    command: Command
    published: Mapping[Key, Published]
    settings: Mapping[str, str]
    swept: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    target: float | None = None

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(self.works)

    @property
    def scale(self) -> str:
        return self.condition.scale

    @property
    def size(self) -> str:
        """Scale and budget in words: "small, 4 times the samples"."""
        return size_of(self.scale, self.table.budget)

    @property
    def runs(self) -> list[Run]:
        """All runs, network by network, row by row, seed by seed."""
        return [run for cell in self.cells for run in cell.runs]

    @property
    def data(self) -> DataCard:
        """Card of the data on this machine."""
        return self.cells[0].runs[0].data

    @property
    def cards(self) -> dict[str, Card]:
        """Hardware cards of all rows, with the rows' delays, by sha256."""
        delayed = [self.card.delayed(row.delays) for row in self.rows] if self.card is not None else []
        return {card.sha256: card for card in delayed}

    def label(self, network: str) -> str:
        """Name of a network on the data on this machine."""
        return self.works[network].label_on(self.data)

    @property
    def other_data(self) -> str:
        """Says how the data, or at scale paper their number, differ from the paper's; "" where they do not."""
        if not self.cells:
            return ""
        work, data = self.cells[0].work, self.data
        paper, full = data_card(work.family), work.at("paper")
        full = full.model_copy(update={"tokens": work.tokens})  # of one text, however it is cut
        taken = [either.samples_of(paper) for either in (work, full)]
        if (other := data.unlike(paper)) or work.scale != "paper" or taken[0] == taken[1]:
            return other
        ours, theirs = (
            " and ".join(f"{'all' if count is None else f'{count:,}'}{{}}" for count in pair) for pair in taken
        )
        return f"{ours.format(' training', ' test')} samples of {paper.title}, not {theirs.format('', '')}"

    @property
    def unlike_tokens(self) -> str:
        """Says that rows have different tokens, so that losses per token do not compare; "" where they have not."""
        all_tokens = [cell.work.tokens for cell in self.cells if cell.work.tokens is not None]
        units = dict.fromkeys(f"bpe of {t.vocabulary}" if t.unit == "bpe" else t.unit for t in all_tokens)
        if len(units) < 2:
            return ""
        return (
            f"losses and accuracies per token are of unlike tokens ({', '.join(units)}): bits per byte compare the rows"
        )

    @property
    def judged(self) -> bool:
        """Whether claims are judged: on the paper's data, or on a scale's stand-ins, which every output calls so."""
        stands_in = self.scale != "paper" and self.cells[0].work.card.embedded
        return (stands_in or not self.other_data) and self.cells[0].work.task == self.cells[0].work.at(self.scale).task


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
        table = replace(table, own=choices.own, budget=choices.budget)
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
        works={network: _shared(table, network, choices) for network in networks},
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


def _shared(table: Table, network: str, choices: Choices) -> Workload:
    """Workload that the rows of a table share on a network."""
    settings = {**table.workload, **choices.settings.get("workload", {})}
    how: dict[str, Any] = {"like": table.networks[0], "own": table.own, "budget": table.budget}
    return workload(table.family, network, choices.scale, settings, **how)


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
        yield f"Set: {', '.join(f'{owner}.{key}={value}' for key, value in options.items())}."
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
