"""Tables on disk: `NAME.json` holds all that is shown of one; whatever else shows it is made from that.

It lies in a folder that its condition names (results.tables.condition), so that those of several lie side by side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.errors import ResultsError
from results.files import replace
from results.reading import parsed_json
from results.records.lines import strict
from results.tables import ResultTable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 2
"""The version of the file's fields, which are those of `ResultTable`: another meaning or name makes a new number.

`condition`, the name of the condition that the fields of `conditions` say, is for whoever reads the file."""
AGAIN = "make it anew with `run`, and remove this file where it still lies there"
_COMPUTING: Any = {"measures": {"__all__": {"of_run", "bound", "resolution"}}}  # code, which no file holds


def to_json(table: ResultTable) -> str:
    """Strict JSON; floats in full, those that are not finite as in journals."""
    content = _adapter().dump_python(table, mode="json", exclude=_COMPUTING)
    head = {"schema": SCHEMA, "condition": table.conditions.slug}
    return json.dumps(strict({**head, **content}), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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
        content = parsed_json(path)
        if not isinstance(content, dict) or "schema" not in content:
            raise ValueError("it has no schema")
        if (schema := content.pop("schema")) != SCHEMA:
            raise ValueError(f"its schema is {schema!r}, of another version, and {SCHEMA} is read")
        content.pop("condition", None)
        return _adapter().validate_python(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise ResultsError(f"{path} is no table ({where}: {wrong['msg']}); {AGAIN}.") from error
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} is no table ({error}); {AGAIN}.") from error


def every(folder: Path) -> Iterator[ResultTable]:
    """All tables of a folder, of every condition, by their files' names; raises as `read`."""
    for path in sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]):
        yield read(path)


def by_condition(folder: Path, id: str) -> Mapping[str, tuple[ResultTable, ...]]:
    """The tables of an experiment, <id>.json and <id>-*.json, by the condition that names their folder.

    The plainest first: of the fewest words of selection. Raises as `read`.
    """
    found: dict[str, tuple[ResultTable, ...]] = {}
    for place in [folder, *sorted(path for path in folder.glob("*/"))]:
        paths = [place / f"{id}.json", *sorted(place.glob(f"{id}-*.json"))]
        if its := tuple(read(path) for path in paths if path.is_file()):
            found["" if place == folder else place.name] = its
    return dict(sorted(found.items(), key=lambda item: (len(item[1][0].conditions.selection), item[0])))


@cache
def _adapter() -> TypeAdapter[ResultTable]:
    from pydantic import TypeAdapter

    return TypeAdapter(ResultTable)
