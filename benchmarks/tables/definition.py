"""Definition of a table: rows, measures, networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
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
    alone; named: those of them that its name says in full. delays: stragglers among the devices, added to the hardware
    card. By --set alone: `instead`, the names of the table's rows in whose place it stands. swept: what its label says
    even where it is a default, of a sweep or where other rows of the table differ in it.
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
        """The row of that name, "lapsgd@updaters=2,batch=128"; of its workload what the name says.

        Raises UserError where it is no name, MethodError on an unknown method, option or value.
        """
        method, given = pairs(key)
        known = method_class(method).Options.__dataclass_fields__
        fields = {name: given.pop(name) for name in list(given) if name not in known and is_of_workload(name)}
        batch = fields.pop("batch", None)
        if batch is not None and not (batch.isdecimal() and int(batch)):
            raise UserError(f"{key}: batch={batch} is no number of samples; give a whole number from 1.")
        made = create(method, given).describe()
        settings = {FIELDS.get(name, name.removeprefix(WORKLOAD)): value for name, value in fields.items()}
        check_fields(settings)
        return cls(
            method,
            {name: made[name] for name in given},
            batch=int(batch) if batch is not None else None,
            workload=settings,
            named=tuple(field for field in settings if field not in SHORT),
        )

    @property
    def variant(self) -> dict[str, Any]:
        """Settings that tell the row from its method's plain row."""
        said = dict(self.options)
        if self.batch is not None:
            said["batch"] = self.batch
        said |= {name: self.workload[key] for key, name in SHORT.items() if key in self.workload}
        said |= {f"{WORKLOAD}{key}": self.workload[key] for key in self.named if key not in SHORT}
        if self.delays:
            said["delay"] = self.delays[0].kind
        return said

    @property
    def key(self) -> str:
        """Name of the row: "lapsgd@updaters=2,batch=128"."""
        suffix = ",".join(f"{key}={text_of(value)}" for key, value in self.variant.items())
        return f"{self.method}@{suffix}" if suffix else self.method

    @property
    def label(self) -> str:
        """Name of the row for people: "LAPSGD, updaters 2, batch 128"."""
        title = method_class(self.method).title
        said = {**{key: value for key, value in self.variant.items() if key not in self.swept}, **self.swept}
        names = {key: key.removeprefix(WORKLOAD).replace("_", " ") for key in said}
        suffix = ", ".join(f"{names[key]} {text_of(value)}" for key, value in said.items())
        return f"{title}, {suffix}" if suffix else title

    @property
    def in_full(self) -> Row:
        """The row under a name that says all of its settings."""
        return replace(self, named=tuple(dict.fromkeys((*self.named, *self.workload))))

    @property
    def unsaid(self) -> dict[str, Any]:
        """The settings of its workload that its name leaves out."""
        return {key: value for key, value in self.workload.items() if key not in (*SHORT, *self.named)}


@dataclass(frozen=True)
class Table:
    """A view of runs: its grid, its measures, the paper it is laid beside.

    card: the hardware of the virtual clock unless --hardware says otherwise. devices: of every method with replicas.
    options: defaults of a method in this table, by its name. workload: settings of all rows. picture: "curves" (over
    epochs and seconds), "budgets" (over samples, seconds and megabytes) or "dots", drawn beside the table. Of a table
    of one's own: `values`, what was published, and `file`, where it is from.
    own: what its networks, and settings, may mean beside the suite's. budget: times the samples of its scale.

    Raises UserError or MethodError where something of it is none, offering the nearest name.
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
        names = Counter(row.in_full.key for row in self.rows)
        for name, count in names.items():
            if count > 1:
                raise UserError(f"{self.id}: the row {name} is there twice.")
        rows = self.keys
        for key in self.published:
            self.check_cell(key, rows)

    @property
    def keys(self) -> dict[str, Row]:
        """The rows by their names."""
        return {row.key: row for row in self.rows}

    def check_cell(self, key: Key, rows: Collection[str] = ()) -> None:
        """Raises UserError unless there is such a cell, (network, row, measure), or target of a network.

        rows: `keys`, where they are at hand.
        """
        network, row, measure = key
        rows = rows or self.keys
        if (row, measure) == (ANY_ROW, TARGET):
            rows, measure = [ANY_ROW], self.measures[0]
        wanted = (("network", network, self.networks), ("row", row, rows), ("measure", measure, self.measures))
        for what, given, known in wanted:
            if given not in known:
                raise UserError(f"{self.id} has no cell for {' '.join(key)}. {unknown(what, given, known)}")

    @property
    def published(self) -> Mapping[Key, Published]:
        """Published values of its cells: its own, or those that are kept under its id."""
        return self.values if self.values is not None else load(self.id)

    def options_of(self, row: Row) -> dict[str, Any]:
        """The row's options over the table's."""
        shared = dict(self.options.get(row.method, {}))
        if self.devices is not None and "devices" in method_class(row.method).Options.__dataclass_fields__:
            shared["devices"] = self.devices
        return {**shared, **row.options}

    def stated(self, method: str) -> set[str]:
        """The options of a method that the table decides on, for one of its rows or for all."""
        rows = [row for row in self.rows if row.method == method] or [Row(method)]
        return {option for row in rows for option in self.options_of(row)}

    @property
    def stated_workload(self) -> set[str]:
        """The fields of the workload that the table decides on, for one of its rows or for all, by dotted names."""
        batch = {"batch", "price_batch"} if any(row.batch for row in self.rows) else set[str]()
        return batch | {*self.workload, *(key for row in self.rows for key in row.workload)}
