"""Tables on disk: `NAME.json` holds all that is shown of one; whatever else shows it is made from that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.errors import ResultsError
from results.files import replace
from results.records.lines import strict
from results.tables import ResultTable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1
"""The version of the file's fields, which are those of `ResultTable`: another meaning or name makes a new number."""
_COMPUTING: Any = {"measures": {"__all__": {"of_run", "bound"}}}  # code, which no file holds


def to_json(table: ResultTable) -> str:
    """Strict JSON; floats in full, those that are not finite as in journals."""
    content = _adapter().dump_python(table, mode="json", exclude=_COMPUTING)
    return json.dumps(strict({"schema": SCHEMA, **content}), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(table: ResultTable, folder: Path) -> Path:
    """Write `<name>.json` under the folder, whole or not at all; gives its path.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    path = folder / f"{table.name}.json"
    replace(path, to_json(table).encode())
    return path


def read(path: Path) -> ResultTable:
    """The table as it was written; its measures can be shown, but compute nothing.

    Raises:
        ResultsError: the file cannot be read, or is no table of this schema.
    """
    from pydantic import ValidationError

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or "schema" not in content:
            raise ValueError("it has no schema")
        if (schema := content.pop("schema")) != SCHEMA:
            raise ValueError(f"its schema is {schema!r}, and {SCHEMA} is read")
        return _adapter().validate_python(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise ResultsError(f"{path} is no table ({where}: {wrong['msg']}); write it anew with `run`.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is no table ({error}); write it anew with `run`.") from error


def every(folder: Path) -> Iterator[ResultTable]:
    """All tables of a folder, by their files' names; raises as `read`."""
    for path in sorted(folder.glob("*.json")):
        yield read(path)


def of(folder: Path, id: str) -> tuple[ResultTable, ...]:
    """The tables of an experiment, <id>.json and <id>-*.json; empty where it was not run. Raises as `read`."""
    paths = [folder / f"{id}.json", *sorted(folder.glob(f"{id}-*.json"))]
    return tuple(read(path) for path in paths if path.is_file())


@cache
def _adapter() -> TypeAdapter[ResultTable]:
    from pydantic import TypeAdapter

    return TypeAdapter(ResultTable)
