"""Tables of one's own: a Python file with `TABLE = Table(...)`, or the same in TOML, and a CSV of published values.

my_table.csv beside my_table.py or my_table.toml has the columns of results/published/*.csv.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.hardware.cards import load as load_card
from benchmarks.tables.definition import Table
from benchmarks.tables.own.in_toml import of_toml
from benchmarks.tables.own.place import Place, line_of, line_of_row
from benchmarks.tables.own.python import of_python
from benchmarks.tables.registry import check_measures
from benchmarks.workloads.workload import SCALES, workload
from results import published
from results.published import Key, Published
from results.reading import content

MOST_BYTES = 2**20
TABLE = re.compile(r"^[ \t]*(\[table\]|\[\[rows\]\]|table[ \t]*=)", re.MULTILINE)
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def is_file(name: str) -> bool:
    """Whether a name on the command line is a table's file; a TOML file may be a hardware card as well."""
    if name.endswith(".toml"):
        try:
            return TABLE.search(_text(Path(name))) is not None
        except UserError:
            return True
    return name.endswith(".py")


def load(path: Path) -> Table:
    """The table of a file. Raises UserError on whatever is wrong with it, naming file and line."""
    path = path.expanduser()
    text = _text(path)
    table = of_python(path) if path.suffix == ".py" else of_toml(path, text)
    if not ID.fullmatch(table.id):
        raise Place(path, line_of(text, "id"), f"'{table.id}' is no id: small letters, digits, '-', '.' and '_'.")
    if strange := next((name for name in ("title", "source") if not getattr(table, name).isprintable()), None):
        raise Place(path, line_of(text, strange), f"{strange}: it is one line, without control characters.")
    try:
        check_measures(table)
    except UserError as error:
        raise Place(path, line_of(text, "measures"), error) from error
    card = path.parent / table.card if table.card.endswith(".toml") else table.card
    try:
        load_card(str(card))
        table = replace(table, card=str(card), rows=tuple(row.in_full for row in table.rows), file=path)
    except USER_ERRORS as error:
        raise Place(path, None, error) from error
    _check_workloads(table, path, text)
    return replace(table, values=_published(table, path.with_suffix(".csv")))


def _text(path: Path) -> str:
    try:
        return content(path, MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"There is no table {path}; name a file, or a table of `python -m benchmarks list`.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The table {path} cannot be read ({error}).") from error


def _check_workloads(table: Table, path: Path, text: str) -> None:
    """Names and values of settings; what one scale refuses another may take, as so many samples."""
    for number, row in enumerate(table.rows):
        for network in table.networks:
            wrong = None
            for scale in reversed(SCALES):
                try:
                    workload(table.family, network, scale, {**table.workload, **row.workload}, own=table.own)
                    break
                except UserError as error:
                    wrong = wrong or error
            else:
                raise Place(path, line_of_row(text, number), wrong)


def _published(table: Table, path: Path) -> Mapping[Key, Published]:
    """The values of the file beside the table's, {} where there is none; each has a cell."""
    found: dict[Key, Published] = {}
    if not path.exists():
        return found
    rows = table.keys
    for line in published.read(path):
        try:
            if line.table != table.id:
                raise UserError(f"it is of the table '{line.table}', and this one is {table.id}.")
            table.check_cell(line.key, rows)
        except UserError as error:
            raise Place(path, line.number, error) from error
        if line.key in found:
            raise Place(path, line.number, f"{' '.join(line.key)} is there twice; keep one line.")
        found[line.key] = line.value
    return found
