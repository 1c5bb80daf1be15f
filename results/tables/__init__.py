"""One table as plain data: published and measured values side by side, and all that is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.statistics.seeds import NO_SEEDS, Seeds
from results.tables.condition import Conditions, RunCondition

__all__ = [
    "Conditions",
    "Glance",
    "GlanceLine",
    "GlanceValue",
    "ResultCell",
    "ResultRow",
    "ResultTable",
    "RunCondition",
]

Bound = Literal["", "at least", "at most"]


@dataclass(frozen=True, slots=True)
class ResultCell:
    """One published and one measured value. `reason` becomes a footnote, and is a must where nothing was measured.

    runs: what was measured, run by run, where that is known.
    """

    published: Published | None = None
    measured: Summary | None = None
    reason: str = ""
    runs: Seeds = NO_SEEDS

    def __post_init__(self) -> None:
        if not self.has_value and not self.reason:
            raise ValueError("a cell without a measured value needs a reason")

    @property
    def has_value(self) -> bool:
        """Whether at least one run was measured, be it a censored one."""
        return self.measured is not None and self.measured.n > 0

    @property
    def ratio(self) -> float | None:
        """Measured mean over published mean; None if either is missing or the published one is 0."""
        return self._over_published(self.measured.mean if self.measured else None)

    @property
    def ratio_at_least(self) -> float | None:
        """The lower bound of the ratio where runs are censored."""
        return self._over_published(self.measured.at_least if self.measured else None)

    def _over_published(self, value: float | None) -> float | None:
        if value is None or self.published is None or self.published.mean == 0:
            return None
        return value / self.published.mean


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One method on one network; `row` is the row key, labels are what a reader sees; one cell per measure."""

    network: str
    network_label: str
    row: str
    method_label: str
    cells: tuple[ResultCell, ...]


@dataclass(frozen=True, slots=True)
class GlanceValue:
    """A value with its 95 % interval, whose ends are None where runs show no spread or there is one run alone.

    bound: what it is of the true value, where runs never arrived.
    """

    value: float
    low: float | None = None
    high: float | None = None
    bound: Bound = ""


@dataclass(frozen=True, slots=True)
class GlanceLine:
    """A row against its network's baseline, as measured and as published; None where one of the two has no value.

    speedup: the baseline's mean seconds over the row's; accuracy: its own less the baseline's, in percentage points.
    seeds: of how many, in words. same: the row's runs are the baseline's.
    """

    row: str
    label: str
    speedup: GlanceValue | None = None
    published_speedup: float | None = None
    accuracy: GlanceValue | None = None
    published_accuracy: float | None = None
    seeds: str = ""
    same: bool = False


@dataclass(frozen=True, slots=True)
class Glance:
    """One network's rows against one of them. network, baseline: for people; key, row: the same as keys.

    of, quality: in words, of what the speed-up is, such as "time to target, simulated seconds", and what rows are
    judged by. heading, digits: of its differences.
    """

    network: str
    baseline: str
    of: str
    quality: str
    lines: tuple[GlanceLine, ...]
    key: str = ""
    row: str = ""
    heading: str = "Accuracy (points)"
    digits: int = 1

    @property
    def published(self) -> bool:
        """Whether anything stands beside what was measured."""
        return any(line.published_speedup is not None or line.published_accuracy is not None for line in self.lines)


@dataclass(frozen=True, slots=True)
class ResultTable:
    """A whole table. `name` names its files, in a folder that its conditions name. Rows of a network are adjacent.

    Captions stand above it, then what matters at a glance; below it caveats, a line each, and on request and in files
    notes.
    `value` and `reference` head the columns of what was measured and of what it is laid beside: "published", or "law".
    `group` and `item` say what a row's network and method are, where they are something else. The audit says what
    differs between the rows beside their methods, here and in the paper. pictures: files, from the folder of results;
    drawn: what is to be said of them, as a caption. command: what makes it, where that is more than its name and its
    conditions.
    """

    name: str
    title: str
    source: str
    measures: tuple[Measure, ...]
    rows: tuple[ResultRow, ...]
    captions: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()
    published_audit: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    reference: str = "published"
    value: str = "measured"
    group: str = "Network"
    item: str = "Method"
    command: str = ""
    glances: tuple[Glance, ...] = ()
    drawn: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.measures):
                raise ValueError(f"{row.network} {row.row}: {len(row.cells)} cells for {len(self.measures)} measures")

    def with_pictures(self, paths: Iterable[Path], out: Path, drawn: str = "") -> ResultTable:
        """The table with these files, which lie in the folder of results."""
        return replace(self, pictures=tuple(path.relative_to(out).as_posix() for path in paths), drawn=drawn)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks in the order of their rows."""
        return tuple(dict.fromkeys(row.network for row in self.rows))

    def refers(self, index: int) -> bool:
        """Whether any row has a reference value of the measure at that index."""
        return any(row.cells[index].published is not None for row in self.rows)

    @property
    def ratios(self) -> bool:
        """Whether measured over reference says anything, which a smaller scale's value over the paper's does not."""
        return self.reference != "published" or self.conditions.scale in ("", "paper")

    @property
    def counts(self) -> Counter[int]:
        """Counts the values by their numbers of runs, without exact ones."""
        measured = (
            cell.measured
            for row in self.rows
            for cell, measure in zip(row.cells, self.measures, strict=True)
            if not measure.exact
        )
        return Counter(value.n for value in measured if value is not None and value.mean is not None)

    @property
    def n(self) -> int | None:
        """Runs behind most of the values; None where there are no values."""
        return next((n for n, _ in self.counts.most_common(1)), None)

    @property
    def footnotes(self) -> dict[str, str]:
        """The letter of every reason: {"not run: ...": "a", ...} in the order of the cells."""
        reasons = dict.fromkeys(cell.reason for row in self.rows for cell in row.cells if cell.reason)
        return {reason: _letters(number) for number, reason in enumerate(reasons)}


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    head, last = divmod(number, 26)
    return (_letters(head - 1) if head else "") + chr(ord("a") + last)
