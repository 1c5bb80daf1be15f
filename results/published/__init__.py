"""The papers' own figures, read from `results/published/*.csv`.

Only the csv module is used: the command line reads published values at start-up.
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
class PublishedLine:
    """A line of a CSV, the header's being 1."""

    table: str
    dataset: str
    key: Key
    value: Published
    number: int = 0


def load(table: str) -> dict[Key, Published]:
    """All published values of a table such as "table3", by (network, row, measure).

    The target of a network stands under (network, "*", "target_percent"). {} for what was published without values,
    such as a figure.

    Raises:
        ResultsError: a file cannot be read.
    """
    return {line.key: line.value for line in _lines().get(table, ())}


def tables() -> tuple[str, ...]:
    """The names of all tables with published values, in the order of the files."""
    return tuple(_lines())


def by_dataset(others: Iterable[PublishedLine] = ()) -> Mapping[str, Mapping[Key, Published]]:
    """All published values by data set ("cifar10", "imdb"), the values of its tables together, then others.

    Targets stay out. Where two tables print a value for the same row (B's Tables 2 and 4), the first one stands.
    """
    found: dict[str, dict[Key, Published]] = {}
    for line in (*chain(*_lines().values()), *others):
        if line.key[1] != ANY_ROW:
            found.setdefault(line.dataset, {}).setdefault(line.key, line.value)
    return MappingProxyType(found)


@cache
def _lines() -> Mapping[str, Sequence[PublishedLine]]:
    """The lines of the files by their table."""
    found: dict[str, list[PublishedLine]] = {}
    seen: set[tuple[str, Key]] = set()
    for line in (line for path in sorted(FOLDER.glob("*.csv")) for line in read(path)):
        if (line.table, line.key) in seen:
            raise ResultsError(f"{line.table}: {' '.join(line.key)} is published twice; keep one line.")
        seen.add((line.table, line.key))
        found.setdefault(line.table, []).append(line)
    return found


def read(path: Path) -> Iterator[PublishedLine]:
    """Values of a CSV with these COLUMNS. Raises ResultsError where it cannot be read, naming file and line."""
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
