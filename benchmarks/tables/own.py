"""Loads a user's own table: Python with `TABLE = Table(...)`, or TOML with [table] and [[rows]].

my_table.csv beside my_table.py or my_table.toml holds the published values, in the columns of results/published/*.csv.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import methods
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.hardware.cards import load as load_card
from benchmarks.hardware.delays import Delay
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.registry import check_measures
from benchmarks.workloads.own import NONE
from benchmarks.workloads.own_files import networks
from benchmarks.workloads.workload import SCALES, workload
from methods.errors import unknown
from results import published
from results.published import Key, Published
from results.reading import content, parsed_toml
from results.records.spec import flat

MOST_BYTES = 2**20
TABLE = re.compile(r"^[ \t]*(\[table\]|\[\[rows\]\]|table[ \t]*=)", re.MULTILINE)
ROW = re.compile(r"^[ \t]*\[\[[ \t]*rows[ \t]*\]\]", re.MULTILINE)
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def is_file(name: str) -> bool:
    """Whether a name on the command line is a table's file; a TOML file may also be a hardware card."""
    if name.endswith(".toml"):
        try:
            return TABLE.search(_text(Path(name))) is not None
        except UserError:
            return True
    return name.endswith(".py")


def load(path: Path) -> Table:
    """Loads the table of a file. Raises UserError for any mistake in it, naming file and line."""
    path = path.expanduser()
    text = _text(path)
    table = _from_python(path) if path.suffix == ".py" else _from_toml(path, text)
    if not ID.fullmatch(table.id):
        raise _mistake(path, _line_of(text, "id"), f"'{table.id}' is no id: small letters, digits, '-', '.' and '_'.")
    for name in ("title", "source"):
        if not getattr(table, name).isprintable():
            raise _mistake(path, _line_of(text, name), f"{name}: it is one line, without control characters.")
    with _located(path, _line_of(text, "measures")):
        check_measures(table)
    card = path.parent / table.card if table.card.endswith(".toml") else table.card
    with _located(path):
        load_card(str(card))
        table = replace(table, card=str(card), rows=tuple(row.in_full for row in table.rows), file=path)
    _check_workloads(table, path, text)
    if table.data_card is not None:
        data_card = path.parent / table.data_card
        if not data_card.is_file():
            raise _mistake(path, _line_of(text, "data_card"), f"there is no data card {data_card}.")
        table = replace(table, data_card=data_card)
    return replace(table, values=_published(table, path.with_suffix(".csv")))


def _text(path: Path) -> str:
    try:
        return content(path, MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"There is no table {path}; name a file, or a table of `python -m benchmarks list`.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The table {path} cannot be read ({error}).") from error


def _check_workloads(table: Table, path: Path, text: str) -> None:
    """Checks every row's workload. A setting need only fit one scale: others may have too few samples for it."""
    for number, row in enumerate(table.rows):
        for network in table.networks:
            first_error = None
            for scale in reversed(SCALES):
                try:
                    workload(table.family, network, scale, {**table.workload, **row.workload}, own=table.own)
                    break
                except UserError as error:
                    first_error = first_error or error
            else:
                raise _mistake(path, _line_of_row(text, number), first_error)


def _published(table: Table, path: Path) -> Mapping[Key, Published]:
    """Reads the CSV beside the table; {} if there is none. Each value must belong to a cell."""
    values: dict[Key, Published] = {}
    if not path.exists():
        return values
    for line in published.read(path):
        with _located(path, line.number):
            if line.table != table.id:
                raise UserError(f"it is of the table '{line.table}', and this one is {table.id}.")
            if line.key in values:
                raise UserError(f"{' '.join(line.key)} is there twice; keep one line.")
            table.check_cell(line.key)
        values[line.key] = line.value
    return values


@contextlib.contextmanager
def _located(path: Path, line: int | None = None) -> Iterator[None]:
    """Adds file and line to errors of the user within the block."""
    try:
        yield
    except USER_ERRORS as error:
        raise _mistake(path, line, error) from error


def _mistake(path: Path, line: int | None, text: object) -> UserError:
    """Returns the error for a mistake in a file. line: None if unknown."""
    return UserError(f"{path}{f', line {line}' if line else ''}: {text}")


def _line_of(text: str, key: str) -> int | None:
    """Returns the number of the first line that sets a key or opens a TOML table of that name."""
    match = re.search(rf"^[ \t]*(\[*{re.escape(key)}\]+|{re.escape(key)}[ \t]*[=.])", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else None


def _line_of_row(text: str, number: int) -> int | None:
    """Returns the line number of a [[rows]], counted from 0; None in Python and inline TOML."""
    starts = [match.start() for match in ROW.finditer(text)]
    return text.count("\n", 0, starts[number]) + 1 if number < len(starts) else None


# ---- TOML


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Row(_Part):
    """`[[rows]]`: the fields of a Row."""

    method: str
    options: dict[str, Any] = Field(default_factory=dict)
    note: str = ""
    batch: int | None = Field(None, ge=1)
    workload: dict[str, Any] = Field(default_factory=dict)
    delays: tuple[Delay, ...] = ()


class _Head(_Part):
    """`[table]`: the fields of a Table except its rows."""

    id: str
    title: str
    source: str = ""
    family: str
    networks: tuple[str, ...]
    measures: tuple[str, ...]
    notes: tuple[str, ...] = ()
    card: str = Table.card
    devices: int | None = Field(None, ge=1)
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    workload: dict[str, Any] = Field(default_factory=dict)
    picture: str = ""
    plugins: tuple[str, ...] = ()
    data_card: str | None = None
    set: tuple[str, ...] = ()


class _File(_Part):
    table: _Head
    rows: tuple[_Row, ...] = ()


def _from_toml(path: Path, text: str) -> Table:
    try:
        values = json.dumps(parsed_toml(text), default=str)  # in JSON a strict tuple may be a list
        file = _File.model_validate_json(values, context={"folder": path.parent})
    except ValidationError as error:
        raise _invalid(path, text, error) from error
    except ValueError as error:
        raise _mistake(path, None, f"{error}.") from error
    plugins = tuple((path.parent / name).resolve() for name in file.table.plugins)
    try:
        for plugin in plugins:
            methods.load_plugin(plugin)
    except USER_ERRORS as error:
        raise _mistake(path, _line_of(text, "plugins"), error) from error
    options, rows = {method: flat(values_given) for method, values_given in file.table.options.items()}, list[Row]()
    for number, part in enumerate(file.rows):
        row = Row(part.method, flat(part.options), part.note, part.batch, flat(part.workload), part.delays)
        with _located(path, _line_of_row(text, number)):
            methods.create(row.method, {**options.get(row.method, {}), **row.options})
        rows.append(row)
    with _located(path):
        files = networks(file.table.networks, path.parent)
        fields: dict[str, Any] = {
            **file.table.model_dump(exclude={"set"}),
            "rows": tuple(rows),
            "networks": tuple(files[word].name if word in files else word for word in file.table.networks),
            "own": NONE.with_networks(files.values()),
            "options": options,
            "workload": flat(file.table.workload),
            "values": {},
            "plugins": plugins,
            "data_card": Path(file.table.data_card) if file.table.data_card else None,
            "settings": file.table.set,
        }
        table = Table(**fields)
    return table


def _invalid(path: Path, text: str, error: ValidationError) -> UserError:
    """Returns the error for the first wrong key or value of a TOML file."""
    errors = error.errors()
    mistake = next(
        (item for item in errors if item["type"] == "extra_forbidden"), errors[0]
    )  # a misspelled key, if any
    part, *inner = mistake["loc"]
    row = inner.pop(0) if part == "rows" and inner else None
    line = _line_of_row(text, int(row)) if row is not None else _line_of(text, str(inner[0] if inner else part))
    heading, model = ("", _File) if not inner else ("[[rows]]", _Row) if part == "rows" else ("[table]", _Head)
    key = ".".join(str(name) for name in inner or [part])
    if mistake["type"] == "extra_forbidden" and len(inner) < 2:
        return _mistake(path, line, unknown(f"key of {heading}" if heading else "key", key, model.model_fields))
    problem = "is missing." if mistake["type"] == "missing" else f"= {mistake['input']!r}: {mistake['msg']}."
    return _mistake(path, line, f"{heading} {key} {problem}".lstrip())


# ---- Python


def _from_python(path: Path) -> Table:
    """Executes the file -> its TABLE. Raises UserError if it fails, has none, or registers methods."""
    before = set(methods.names())
    table = getattr(_module(path), "TABLE", None)
    if not isinstance(table, Table):
        raise _mistake(path, None, "there is no TABLE = Table(...) in it, as in benchmarks/tables/table3.py.")
    if new := [name for name in methods.names() if name not in before]:
        raise _mistake(path, None, f"it registers {', '.join(new)}; add --plugin {path}, for the processes that train.")
    return table


def _module(path: Path) -> ModuleType:
    """Executes the file, or returns its module if it was already loaded as a plug-in."""
    file = str(path.resolve())
    for name, module in list(sys.modules.items()):
        if name.startswith("plugin_") and getattr(module, "__file__", None) == file:
            return module
    name = f"table_{path.stem}_{abs(hash(file))}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # since the file's name ends in .py
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        description = str(error) if isinstance(error, USER_ERRORS) else f"{type(error).__name__}: {error}."
        raise _mistake(path, line, description) from error
    return module
