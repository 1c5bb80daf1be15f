"""The papers' own figures, read from `results/published/*.csv`.

Only the csv module is used: the command line reads published values at start-up.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from results.errors import ResultsError

FOLDER = Path(__file__).parent
ANY_ROW = "*"
"""The row of values that hold for a whole network, such as `target_percent`."""
TARGET = "target_percent"
"""The measure of a network's target accuracy."""

Key = tuple[str, str, str]
"""(network, row, measure), for example ("resnet18", "async_lu", "time_to_target_seconds")."""


@dataclass(frozen=True, slots=True)
class Published:
    """One published value: mean and standard deviation over `n` runs; None where the paper gives none."""

    mean: float
    std: float | None
    n: int | None
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    table: str
    dataset: str
    key: Key
    value: Published


def load(table: str) -> dict[Key, Published]:
    """All published values of a table such as "table3", by (network, row, measure).

    The target of a network stands under (network, "*", "target_percent"). {} for what was published without values,
    such as a figure.

    Raises:
        ResultsError: a file cannot be read.
    """
    return {line.key: line.value for line in _lines() if line.table == table}


def tables() -> tuple[str, ...]:
    """The names of all tables with published values, in the order of the files."""
    return tuple(dict.fromkeys(line.table for line in _lines()))


def by_dataset() -> Mapping[str, Mapping[Key, Published]]:
    """All published values by data set ("cifar10", "imdb"), the values of its tables together.

    Targets stay out. Where two tables print a value for the same row (B's Tables 2 and 4), the first one stands.
    """
    found: dict[str, dict[Key, Published]] = {}
    for line in _lines():
        if line.key[1] != ANY_ROW:
            found.setdefault(line.dataset, {}).setdefault(line.key, line.value)
    return MappingProxyType(found)


@cache
def _lines() -> tuple[_Line, ...]:
    lines = tuple(line for path in sorted(FOLDER.glob("*.csv")) for line in _read(path))
    seen: set[tuple[str, Key]] = set()
    for line in lines:
        if (line.table, line.key) in seen:
            raise ResultsError(f"{line.table}: {' '.join(line.key)} is published twice; keep one line.")
        seen.add((line.table, line.key))
    return lines


def _read(path: Path) -> Iterator[_Line]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                yield _line(row)
            except (KeyError, TypeError, ValueError) as error:
                raise ResultsError(f"{path}, line {reader.line_num}: not a published value ({error}).") from error


def _line(row: dict[str, str]) -> _Line:
    value = Published(
        mean=float(row["mean"]),
        std=float(row["std"]) if row["std"] else None,
        n=int(row["n"]) if row["n"] else None,
        source=row["source"],
        note=row["note"],
    )
    return _Line(row["table"], row["dataset"], (row["network"], row["row"], row["measure"]), value)
