"""Reads and writes tables: `NAME.json` holds all that is shown of one, and every other form is made from it.

The file lies in a folder named by its condition (results.tables.condition), so that several conditions coexist.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.errors import ResultsError
from results.files import replace
from results.reading import first_mistake, parsed_json
from results.records.lines import strict
from results.tables import ResultTable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 2
"""Version of the file's fields, those of `ResultTable`; raise it if a field changes its name or meaning.

The file also has `condition`, the name of its condition, for people who read it.
"""
AGAIN = "make it anew with `run`, and remove this file where it still lies there"
_COMPUTING: Any = {"measures": {"__all__": {"of_run", "bound", "resolution"}}}  # code, which no file holds


def to_json(table: ResultTable) -> str:
    """Returns strict JSON; floats unrounded, those that are not finite as in journals."""
    content = _adapter().dump_python(table, mode="json", exclude=_COMPUTING)
    head = {"schema": SCHEMA, "condition": table.conditions.slug}
    return json.dumps(strict({**head, **content}), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(table: ResultTable, folder: Path) -> Path:
    """Writes `<name>.json` into the folder atomically -> its path.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    path = folder / f"{table.name}.json"
    replace(path, to_json(table).encode())
    return path


def read(path: Path) -> ResultTable:
    """Reads a table; its measures can be shown, but compute nothing.

    Raises:
        ResultsError: the file cannot be read, or is no table of this schema.
    """
    from pydantic import ValidationError

    try:
        content = parsed_json(path)
        if not isinstance(content, dict) or "schema" not in content:
            raise ValueError("it has no schema")
        if (schema := content.pop("schema")) != SCHEMA:
            raise ValueError(f"its schema is {schema!r}, of another version, and {SCHEMA} is read")
        content.pop("condition", None)
        return _adapter().validate_python(content)
    except ValidationError as error:
        raise ResultsError(f"{path} is no table ({first_mistake(error)}); {AGAIN}.") from error
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} is no table ({error}); {AGAIN}.") from error


def every(folder: Path) -> Iterator[ResultTable]:
    """Yields all tables of a folder, of every condition, by file name. Raises as `read`."""
    for path in sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]):
        yield read(path)


def by_condition(folder: Path, id: str) -> Mapping[str, tuple[ResultTable, ...]]:
    """Returns the tables of an experiment, <id>.json and <id>-*.json, by the name of their condition.

    Conditions with the fewest words of selection come first. Raises as `read`.
    """
    by_name: dict[str, tuple[ResultTable, ...]] = {}
    for subfolder in [folder, *sorted(path for path in folder.glob("*/"))]:
        paths = [subfolder / f"{id}.json", *sorted(subfolder.glob(f"{id}-*.json"))]
        if tables := tuple(read(path) for path in paths if path.is_file()):
            by_name["" if subfolder == folder else subfolder.name] = tables
    return dict(sorted(by_name.items(), key=lambda item: (len(item[1][0].conditions.selection), item[0])))


@cache
def _adapter() -> TypeAdapter[ResultTable]:
    from pydantic import TypeAdapter

    return TypeAdapter(ResultTable)
