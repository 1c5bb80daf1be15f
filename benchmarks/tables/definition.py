"""Defines a table: its rows, measures and networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.hardware.delays import Delay
from benchmarks.tables.naming import FIELDS, SHORT, WORKLOAD, check_fields, is_of_workload, pairs, text_of
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.workload import workload
from methods.errors import unknown
from methods.registry import create, method_class
from results.published import ANY_ROW, TARGET, Key, Published, load

PICTURES = ("", "curves", "budgets", "dots")


@dataclass(frozen=True)
class Row:
    """A method with its options. Its key names it in records, published values and MLflow.

    batch: per device, as published; at smaller scales it shrinks with the workload's. workload: settings of this row
    alone. delays: stragglers among the devices, added to those of the hardware card. named: workload settings that the
    key spells out. instead: keys of the table's rows that this row replaces, because of --set. swept: settings that the
    label always shows, such as those of a sweep.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    batch: int | None = None
    workload: Mapping[str, Any] = field(default_factory=dict)
    delays: tuple[Delay, ...] = ()
    named: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    swept: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parsed(cls, key: str) -> Row:
        """Parses a key such as "lapsgd@updaters=2,batch=128".

        Raises UserError if it is not a key, MethodError for an unknown method, option or value.
        """
        method, options = pairs(key)
        method_options = method_class(method).Options.__dataclass_fields__
        fields = {
            name: options.pop(name) for name in list(options) if name not in method_options and is_of_workload(name)
        }
        batch = fields.pop("batch", None)
        if batch is not None and not (batch.isdecimal() and int(batch)):
            raise UserError(f"{key}: batch={batch} is no number of samples; give a whole number from 1.")
        parsed = create(method, options).describe()
        settings = {FIELDS.get(name, name.removeprefix(WORKLOAD)): value for name, value in fields.items()}
        check_fields(settings)
        return cls(
            method,
            {name: parsed[name] for name in options},
            batch=int(batch) if batch is not None else None,
            workload=settings,
            named=tuple(field for field in settings if field not in SHORT),
        )

    @property
    def variant(self) -> dict[str, Any]:
        """Settings that distinguish the row from its method's plain row."""
        batch = {} if self.batch is None else {"batch": self.batch}
        short = {name: self.workload[key] for key, name in SHORT.items() if key in self.workload}
        full = {f"{WORKLOAD}{key}": self.workload[key] for key in self.named if key not in SHORT}
        delay = {"delay": self.delays[0].kind} if self.delays else {}
        return {**self.options, **batch, **short, **full, **delay}

    @property
    def key(self) -> str:
        """Name of the row in files: "lapsgd@updaters=2,batch=128"."""
        suffix = ",".join(f"{key}={text_of(value)}" for key, value in self.variant.items())
        return f"{self.method}@{suffix}" if suffix else self.method

    @property
    def label(self) -> str:
        """Name of the row for people: "LAPSGD, updaters 2, batch 128"."""
        settings = {**{key: value for key, value in self.variant.items() if key not in self.swept}, **self.swept}
        parts = [f"{key.removeprefix(WORKLOAD).replace('_', ' ')} {text_of(value)}" for key, value in settings.items()]
        return ", ".join([method_class(self.method).title, *parts])

    @property
    def in_full(self) -> Row:
        """A copy whose key spells out all settings."""
        return replace(self, named=tuple(dict.fromkeys((*self.named, *self.workload))))

    @property
    def unsaid(self) -> dict[str, Any]:
        """Workload settings that are not in the key."""
        return {key: value for key, value in self.workload.items() if key not in (*SHORT, *self.named)}


@dataclass(frozen=True)
class Table:
    """A grid of runs, and the measures to show of them beside a paper's values.

    card: hardware of the virtual clock, unless --hardware names another. devices: for every method with replicas.
    options: by method, for all of its rows. workload: settings of all rows. picture: "curves" (over epochs and
    seconds), "budgets" (over samples, seconds and megabytes) or "dots". values, file: published values and file of a
    user's own table. plugins, data_card, settings: its methods' files, its data, and what else it is run with, as
    `--plugin`, `--data-card` and `--set` take them. own: the user's own networks, tasks and data. budget: factor of the
    scale's usual samples.

    Raises UserError or MethodError for an unknown name, suggesting the nearest, and for equal rows.
    """

    id: str
    title: str
    source: str
    family: str
    rows: tuple[Row, ...]
    measures: tuple[str, ...]
    networks: tuple[str, ...] = ("resnet18", "resnet50")
    notes: tuple[str, ...] = ()
    card: str = "paper-a"
    devices: int | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    workload: Mapping[str, Any] = field(default_factory=dict)
    picture: str = ""
    values: Mapping[Key, Published] | None = None
    file: Path | None = None
    plugins: tuple[Path, ...] = ()
    data_card: Path | None = None
    settings: tuple[str, ...] = ()
    own: Own = NONE
    budget: int = 1

    def __post_init__(self) -> None:
        for network in self.networks:
            workload(self.family, network, "paper", own=self.own)
        if self.picture not in PICTURES:
            raise UserError(unknown("picture", self.picture, PICTURES[1:]))
        if not (self.rows and self.networks and self.measures):
            raise UserError(f"{self.id}: a table has at least one row, one network and one measure.")
        for row in self.rows:
            create(row.method, self.options_of(row))
            check_fields((*self.workload, *row.workload))
        for name, count in Counter(row.in_full.key for row in self.rows).items():
            if count > 1:
                raise UserError(f"{self.id}: the row {name} is there twice.")
        for key in self.published:
            self.check_cell(key)

    @cached_property
    def keys(self) -> dict[str, Row]:
        """The rows by their keys."""
        return {row.key: row for row in self.rows}

    def check_cell(self, key: Key) -> None:
        """Raises UserError unless (network, row, measure) is a cell of the table, or a network's target."""
        network, row, measure = key
        if (row, measure) == (ANY_ROW, TARGET):
            row, measure = self.rows[0].key, self.measures[0]
        names = (("network", network, self.networks), ("row", row, self.keys), ("measure", measure, self.measures))
        for kind, name, choices in names:
            if name not in choices:
                raise UserError(f"{self.id} has no cell for {' '.join(key)}. {unknown(kind, name, choices)}")

    @property
    def published(self) -> Mapping[Key, Published]:
        """Published values of the table's cells: the user's own, or those in results/published."""
        return self.values if self.values is not None else load(self.id)

    def options_of(self, row: Row) -> dict[str, Any]:
        """Returns the options of a row: the table's for its method, overridden by the row's own."""
        shared = dict(self.options.get(row.method, {}))
        if self.devices is not None and "devices" in method_class(row.method).Options.__dataclass_fields__:
            shared["devices"] = self.devices
        return {**shared, **row.options}

    def stated(self, method: str) -> set[str]:
        """Returns the options of a method that the table sets, for one of its rows or for all."""
        rows = [row for row in self.rows if row.method == method] or [Row(method)]
        return {option for row in rows for option in self.options_of(row)}

    @property
    def stated_workload(self) -> set[str]:
        """Dotted names of workload fields that the table sets, for one of its rows or for all."""
        batch = {"batch", "price_batch"} if any(row.batch for row in self.rows) else set[str]()
        return batch.union(self.workload, *(row.workload for row in self.rows))
