"""Reads the papers' own figures from `results/published/*.csv`.

Uses the csv module alone, since the command line reads them at start-up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from results import spreadsheets
from results.errors import ResultsError

FOLDER = Path(__file__).parent
COLUMNS = ("table", "dataset", "network", "row", "measure", "mean", "std", "n", "source", "note")
ANY_ROW = "*"
"""Row of values that hold for a whole network, such as `target_percent`."""
TARGET = "target_percent"
"""Measure of a network's target accuracy."""

Key = tuple[str, str, str]
"""(network, row, measure), for example ("resnet18", "async_lu", "time_to_target_seconds")."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published mean and standard deviation over `n` runs; None where the paper prints none."""

    mean: float
    std: float | None
    n: int | None
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PublishedLine:
    """A line of a CSV. number: its line number; the header is line 1."""

    table: str
    dataset: str
    key: Key
    value: Published
    number: int = 0


def load(table: str) -> dict[Key, Published]:
    """Returns the published values of a table such as "table3", by (network, row, measure).

    A network's target has the key (network, "*", "target_percent"). A figure has no values: {}.

    Raises:
        ResultsError: a file cannot be read.
    """
    return {line.key: line.value for line in _lines().get(table, ())}


def tables() -> tuple[str, ...]:
    """Names of all tables with published values, in the order of the files."""
    return tuple(_lines())


def by_dataset(others: Iterable[PublishedLine] = ()) -> Mapping[str, Mapping[Key, Published]]:
    """Returns all published values but targets, by data set ("cifar10", "imdb"), then those of `others`.

    Where two tables print a value of the same row (B's Tables 2 and 4), the first one counts.
    """
    by_name: dict[str, dict[Key, Published]] = {}
    for line in (*chain(*_lines().values()), *others):
        if line.key[1] != ANY_ROW:
            by_name.setdefault(line.dataset, {}).setdefault(line.key, line.value)
    return MappingProxyType(by_name)


@cache
def _lines() -> Mapping[str, Sequence[PublishedLine]]:
    """Lines of the files, by table."""
    by_table: dict[str, list[PublishedLine]] = {}
    seen: set[tuple[str, Key]] = set()
    for line in (line for path in sorted(FOLDER.glob("*.csv")) for line in read(path)):
        if (line.table, line.key) in seen:
            raise ResultsError(f"{line.table}: {' '.join(line.key)} is published twice; keep one line.")
        seen.add((line.table, line.key))
        by_table.setdefault(line.table, []).append(line)
    return by_table


def read(path: Path) -> Iterator[PublishedLine]:
    """Reads the values of a CSV with these COLUMNS. Raises ResultsError where it cannot, naming file and line."""
    return spreadsheets.values(path, _line, "a published value", COLUMNS)


def _line(row: dict[str, str], number: int) -> PublishedLine:
    value = Published(
        mean=_finite(row["mean"]),
        std=_finite(row["std"]) if row["std"] else None,
        n=int(row["n"]) if row["n"] else None,
        source=row["source"],
        note=row["note"] or "",
    )
    return PublishedLine(row["table"], row["dataset"], (row["network"], row["row"], row["measure"]), value, number)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value
