"""One table as plain data: published and measured values side by side, with captions, caveats and notes."""

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
    """A published and a measured value. `reason` becomes a footnote; it is required if nothing was measured.

    runs: the measured values run by run, if known.
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
        """Whether at least one run was measured, even a censored one."""
        return self.measured is not None and self.measured.n > 0

    @property
    def ratio(self) -> float | None:
        """Measured mean over published mean; None if either is missing or the published one is 0."""
        return self._over_published(self.measured.mean if self.measured else None)

    @property
    def ratio_at_least(self) -> float | None:
        """Lower bound of the ratio if runs are censored."""
        return self._over_published(self.measured.at_least if self.measured else None)

    def _over_published(self, value: float | None) -> float | None:
        if value is None or self.published is None or self.published.mean == 0:
            return None
        return value / self.published.mean


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One method on one network, with one cell per measure; labels are for people."""

    network: str
    network_label: str
    row: str
    method_label: str
    cells: tuple[ResultCell, ...]


@dataclass(frozen=True, slots=True)
class GlanceValue:
    """A value with its 95 % interval, whose ends are None without a spread.

    bound: whether it is a bound of the true value, since some runs never arrived.
    """

    value: float
    low: float | None = None
    high: float | None = None
    bound: Bound = ""


@dataclass(frozen=True, slots=True)
class GlanceLine:
    """A row against its network's baseline, as measured and as published; None where a value is missing.

    speedup: the baseline's mean seconds over the row's. accuracy: the row's less the baseline's, in percentage points.
    seeds: how many, in words. same: whether row and baseline share their runs.
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
    """Rows of one network compared with one of them, the baseline.

    network, baseline: titles. key, row: their keys. of: what the speed-up is measured in, such as "time to target,
    simulated seconds". quality: what rows are judged by. heading, digits: of the column of differences.
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
        """Whether any published value is shown beside the measured ones."""
        return any(line.published_speedup is not None or line.published_accuracy is not None for line in self.lines)


@dataclass(frozen=True, slots=True)
class ResultTable:
    """A whole table. name: of its files, whose folder its conditions name. Rows of a network are adjacent.

    Shown from top to bottom: captions, glances, the table, caveats (one line each) and, on request and in files, notes.

    value, reference: headings of the measured column and of the one beside it: "published", or "law". group, item:
    headings of a row's network and method. audit, published_audit: what differs between the rows besides their methods,
    here and in the paper. pictures: files, relative to the folder of results; drawn: their caption. command: the
    command that makes the table, if more than its name and conditions are needed.
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
        """Returns a copy with these pictures, which lie in the folder of results."""
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
        """Whether measured over reference is meaningful: not for values of a smaller scale over the paper's."""
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
        """Number of runs behind most of the values; None without values."""
        return next((n for n, _ in self.counts.most_common(1)), None)

    @property
    def footnotes(self) -> dict[str, str]:
        """Letter of each reason: {"not run: ...": "a", ...} in the order of the cells."""
        reasons = dict.fromkeys(cell.reason for row in self.rows for cell in row.cells if cell.reason)
        return {reason: _letters(number) for number, reason in enumerate(reasons)}


def _letters(number: int) -> str:
    """Returns a, b, ..., z, aa, ab, ..."""
    head, last = divmod(number, 26)
    return (_letters(head - 1) if head else "") + chr(ord("a") + last)
