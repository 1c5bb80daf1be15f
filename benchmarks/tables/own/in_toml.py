"""A table in TOML: what a Table and its rows are, as [table] and [[rows]]."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import methods
from benchmarks.errors import USER_ERRORS
from benchmarks.hardware.delays import Delay
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.own.place import Place, line_of, lines_of_rows
from benchmarks.workloads.own import NONE
from benchmarks.workloads.own_files import networks
from methods.errors import unknown
from results.reading import parsed_toml
from results.records.spec import flat


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


P = TypeVar("P", bound=_Part)


class _Row(_Part):
    """`[[rows]]`: a Row's fields."""

    method: str
    options: dict[str, Any] = Field(default_factory=dict)
    note: str = ""
    batch: int | None = Field(None, ge=1)
    workload: dict[str, Any] = Field(default_factory=dict)
    delays: list[dict[str, Any]] = Field(default_factory=list)


class _Head(_Part):
    """`[table]`: a Table's fields, but for its rows."""

    id: str
    title: str
    source: str = ""
    family: str
    networks: list[str]
    measures: list[str]
    notes: list[str] = Field(default_factory=list)
    card: str = Table.card
    devices: int | None = Field(None, ge=1)
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    workload: dict[str, Any] = Field(default_factory=dict)
    picture: str = ""


def of_toml(path: Path, text: str) -> Table:
    """Reads a table. Raises UserError on unknown keys, values and names, with the line where it is known."""
    try:
        values = parsed_toml(text)
    except ValueError as error:
        raise Place(path, None, f"{error}.") from error
    _check_keys(values, ("table", "rows"), "key", path, text)
    head = _part(_Head, values.get("table", {}), "[table]", path, text, None)
    shared = {method: flat(options) for method, options in head.options.items()}
    rows, given = [], values.get("rows", [])
    if not isinstance(given, list):
        raise Place(path, None, "rows are written as [[rows]], one after the other.")
    for one, line in zip_longest(given, lines_of_rows(text)[: len(given)]):
        part = _part(_Row, one, "[[rows]]", path, text, line)
        try:
            rows.append(_row(part, path))
            methods.create(rows[-1].method, {**shared.get(rows[-1].method, {}), **rows[-1].options})
        except (*USER_ERRORS, ValueError) as error:
            raise Place(path, line, _first(error)) from error
    try:
        lists = {name: tuple(getattr(head, name)) for name in ("measures", "notes")}
        files = networks(head.networks, path.parent)
        lists["networks"] = tuple(files[word].name if word in files else word for word in head.networks)
        made = {"own": NONE.with_networks(files.values()), "rows": tuple(rows), "values": {}, "options": shared}
        others: dict[str, Any] = {
            field.name: getattr(head, field.name) for field in fields(Table) if field.name in _Head.model_fields
        }
        return Table(**{**others, **lists, **made, "workload": flat(head.workload)})
    except USER_ERRORS as error:
        raise Place(path, None, error) from error


def _row(part: _Row, path: Path) -> Row:
    delays = tuple(Delay.model_validate(one, context={"folder": path.parent}) for one in part.delays)
    return Row(part.method, flat(part.options), part.note, part.batch, flat(part.workload), delays)


def _part(kind: type[P], given: Any, where: str, path: Path, text: str, line: int | None) -> P:
    if not isinstance(given, dict):
        raise Place(path, line, f"{where} holds keys and values.")
    _check_keys(given, kind.model_fields, f"key of {where}", path, text, line)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(map(str, wrong["loc"]))
        what = "is missing" if wrong["type"] == "missing" else f"= {wrong['input']!r}: {wrong['msg']}"
        raise Place(path, line or line_of(text, str(wrong["loc"][0])), f"{where} {key} {what}.") from error


def _check_keys(
    given: Mapping[str, Any], known: Collection[str], what: str, path: Path, text: str, line: int | None = None
) -> None:
    for key in given:
        if key not in known:
            raise Place(path, line or line_of(text, key), unknown(what, key, known))


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        wrong = error.errors()[0]
        return f"delays {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}."
    return str(error)
