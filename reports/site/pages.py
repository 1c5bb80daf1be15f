"""Holds the contents of a report, page by page, as plain data: `reports.site` writes HTML, Markdown and LaTeX.

Texts from runs and plug-ins are not escaped here; each writer escapes them for its format.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reports.tables.texts import BLANK
from results.tables import Conditions, RunCondition

Status = Literal["agrees", "differs", "undecided", "not reached", "not comparable", "not measured", "no reference"]
SYMBOLS: dict[Status, str] = {
    "agrees": "✓",
    "differs": "≠",
    "undecided": "?",
    "not reached": "↓",
    "not comparable": "~",
    "not measured": "○",
    "no reference": "·",
}
MEANINGS: dict[Status, str] = {
    "agrees": "within the stated margin of the published value",
    "differs": "outside the stated margin of the published value",
    "undecided": "too few runs, or too much spread, to say",
    "not reached": "some or all runs never reached the target",
    "not comparable": "measured, but not under the paper's conditions, at a smaller scale",
    "not measured": "nothing was measured; the page says why",
    "no reference": "measured; the paper gives no value",
}


@dataclass(frozen=True, slots=True)
class VerdictBadge:
    """A cell's verdict. why: the reason for the status."""

    status: Status
    why: str = ""

    @property
    def symbol(self) -> str:
        """The status's symbol, so that colour is never the only sign."""
        return SYMBOLS[self.status]

    @property
    def style(self) -> str:
        """The CSS class of the status."""
        return self.status.replace(" ", "-")

    @property
    def text(self) -> str:
        """Status and reason: 'not comparable: scale smoke'."""
        return f"{self.status}: {self.why}" if self.why else self.status


@dataclass(frozen=True, slots=True)
class ShownCell:
    """One cell as shown. interval: of the mean, with its level; n: runs, 0 where nothing was measured."""

    published: str
    measured: str
    interval: str
    ratio: str
    n: str
    light: VerdictBadge


@dataclass(frozen=True, slots=True)
class Line:
    """A method's row of a table: a cell per measure. key: the row's key, the same under every condition."""

    label: str
    entries: tuple[ShownCell, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The methods' rows on one network. key: the network's name, the same under every condition; a title may differ."""

    title: str
    lines: tuple[Line, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A plain table. heads: how many first cells of a row are its heading. numbers: all other columns are numbers."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    heads: int = 1
    numbers: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's PNG, SVG and PDF. stem: their path without ending; alt: a description in words."""

    stem: Path
    caption: str
    alt: str

    @property
    def name(self) -> str:
        return self.stem.name

    @property
    def for_paper(self) -> bool:
        """Whether the PDF exists; pictures of earlier versions have none."""
        return self.stem.with_name(f"{self.name}.pdf").is_file()


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link of a page. address: "" for text that is shown without a link."""

    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The page of one table, figure or analysis under one condition.

    blocks: a table's values. grids: an analysis's. glances: the summary at the top.
    facts: (name, value) of the machines that trained its runs. command: trains the runs. refresh: makes the page from
    them. made_of: id of every planned run -> its state when the page was made, "" where it was missing.
    made_by: the commit that made the page. stale: why it is out of date, "" where it is not.
    """

    id: str
    title: str
    source: str
    captions: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()
    published_audit: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    curves: tuple[Picture, ...] = ()
    rivals: tuple[Grid, ...] = ()
    splits: tuple[Grid, ...] = ()
    split_pictures: tuple[Picture, ...] = ()
    staleness: tuple[Grid, ...] = ()
    staleness_pictures: tuple[Picture, ...] = ()
    runs: Grid | None = None
    incidents: tuple[str, ...] = ()
    configuration: tuple[Grid, ...] = ()
    environment: tuple[Grid, ...] = ()
    tracking: str = ""
    links: tuple[PageLink, ...] = ()
    command: str = ""
    condition: Conditions = field(default_factory=Conditions)
    facts: tuple[tuple[str, str], ...] = ()
    refresh: str = ""
    made_of: Mapping[str, str] = field(default_factory=dict)
    made_by: str = ""
    stale: str = ""
    glances: tuple[Grid, ...] = ()

    def measured(self, block: Block) -> Iterator[Grid]:
        """Yields a table for each measure: published and measured values, and the verdict."""
        ratio = ("Measured / published",) if self.ratios else ()
        headers = ("Method", "Published", "Measured ± std", "95 % interval", *ratio, "Evidence", "Verdict")
        for index, name in enumerate(self.measures):
            rows = []
            for line in block.lines:
                cell = line.entries[index]
                ratio = (cell.ratio,) if self.ratios else ()
                values = cell.published, cell.measured, cell.interval, *ratio, cell.n, cell.light.text
                rows.append((line.label, *values))
            yield Grid(f"{name}, {block.title}", headers, tuple(rows))

    @property
    def ratios(self) -> bool:
        """Whether any cell has a ratio of measured to published value."""
        return any(entry.ratio != BLANK for block in self.blocks for line in block.lines for entry in line.entries)

    @property
    def place(self) -> str:
        """The page's folder, relative to the report's: a table has a page per condition."""
        return "/".join(filter(None, (self.condition.slug, self.id)))

    @property
    def counts(self) -> list[tuple[VerdictBadge, int]]:
        """Statuses with their numbers of cells, in the order of `SYMBOLS`."""
        entries = (entry for block in self.blocks for line in block.lines for entry in line.entries)
        numbers = Counter(entry.light.status for entry in entries)
        return [(VerdictBadge(status), numbers[status]) for status in SYMBOLS if numbers[status]]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return (*self.curves, *self.split_pictures, *self.staleness_pictures)


@dataclass(frozen=True, slots=True)
class Absent:
    """A table or analysis without a page, the reason, and the command that trains its runs."""

    id: str
    title: str
    why: str
    command: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper's part of the report."""

    title: str
    pages: tuple[Page, ...] = ()
    absent: tuple[Absent, ...] = ()

    @property
    def cards(self) -> list[tuple[Page, ...]]:
        """The pages, grouped by table: one page per condition."""
        ids = dict.fromkeys(page.id for page in self.pages)
        return [tuple(page for page in self.pages if page.id == id) for id in ids]


@dataclass(frozen=True, slots=True)
class ClaimCell:
    """A claim's verdict under one condition: status and label ('holds at smoke'), the effect, its interval, ...

    condition: in words. needed: the runs that would decide an open claim.
    evidence: links to its tables' pages under that condition, relative to the report's folder.
    """

    condition: str
    status: str
    label: str
    effect: str
    needed: str
    measured: str
    why: str
    evidence: tuple[PageLink, ...] = ()

    @property
    def light(self) -> VerdictBadge:
        """The badge of the verdict."""
        return VerdictBadge({"holds": "agrees", "does not hold": "differs"}.get(self.status, "undecided"))  # type: ignore[arg-type]

    @property
    def short(self) -> str:
        """Status, effect and the runs that would decide it, in a line."""
        return "; ".join(filter(None, (self.status, self.effect, self.needed)))

    @property
    def decided(self) -> bool:
        return self.status in ("holds", "does not hold")


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A claim with its verdict under each condition."""

    id: str
    text: str
    source: str
    cells: tuple[ClaimCell, ...]


@dataclass(frozen=True, slots=True)
class ClaimColumn:
    """The claims under one condition: each line has one cell. made_of, made_by, stale: see `Page`."""

    condition: Conditions
    lines: tuple[ClaimLine, ...]
    made_of: Mapping[str, str] = field(default_factory=dict)
    made_by: str = ""
    stale: str = ""


@dataclass(frozen=True, slots=True)
class Claims:
    """The papers' claims with their verdicts under every condition that has runs, the smallest scale first.

    counts: per condition, the number of claims of each of `statuses`. rules: sentences on how claims are decided.
    lead: index of the condition that is shown first.
    """

    statuses: tuple[str, ...]
    conditions: tuple[RunCondition, ...]
    counts: tuple[tuple[int, ...], ...]
    rules: tuple[str, ...]
    lines: tuple[ClaimLine, ...]
    lead: int = -1

    @property
    def led(self) -> RunCondition:
        return self.conditions[self.lead]

    @property
    def largest(self) -> list[tuple[ClaimLine, ClaimCell]]:
        """The claims under the leading condition: first those that hold, last those that are open."""
        claims = [(line, line.cells[self.lead]) for line in self.lines]
        return sorted(claims, key=lambda pair: (not pair[1].decided, pair[1].status != "holds"))

    @property
    def counted(self) -> Grid:
        """The number of claims of each status under each condition."""
        rows = (
            (condition.label, *map(str, counts)) for condition, counts in zip(self.conditions, self.counts, strict=True)
        )
        return Grid("Claims of the papers, by condition", ("Condition", *self.statuses), tuple(rows))

    @property
    def matrix(self) -> Grid:
        """The verdicts: a row per claim, a column per condition."""
        rows = tuple((f"{line.id}: “{line.text}”", *(cell.short for cell in line.cells)) for line in self.lines)
        names = (condition.label for condition in self.conditions)
        return Grid("The papers' claims by condition", ("Claim", *names), rows, self.rules, numbers=False)

    def grid(self, index: int) -> Grid:
        """The claims under one condition, with values, reasons and the runs that would decide them."""
        rows = tuple(
            (f"{line.id}: “{line.text}”", line.source, cell.label, cell.measured, cell.why, cell.needed)
            for line in self.lines
            for cell in line.cells[index : index + 1]
        )
        headers = ("Claim", "Source", "Verdict", "Measured", "Why", "To decide it")
        return Grid(f"The papers' claims: {self.conditions[index].label}", headers, rows, numbers=False)


@dataclass(frozen=True, slots=True)
class Site:
    """The whole report. warnings: sentences on missing or stale pages; facts: (name, value) of the machines.

    commands: those that repeat the report. asked, columns: kept for later reports, which add to them
    (reports.site.kept).
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    papers: tuple[Paper, ...]
    claims: Claims | None = None
    warnings: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    rules: tuple[str, ...] = field(default=())
    asked: tuple[str, ...] = ()
    columns: tuple[ClaimColumn, ...] = ()

    @property
    def pages(self) -> Iterator[Page]:
        for paper in self.papers:
            yield from paper.pages

    @property
    def again(self) -> str:
        """The heading above the report's commands."""
        return again(self.pages)


def again(pages: Iterable[Page]) -> str:
    """Returns the heading above commands that repeat pages, with the number of planned runs that they would add."""
    missing = {id for page in pages for id, state in page.made_of.items() if not state}
    return f"To repeat it, and to train {len(missing)} more planned runs:" if missing else "To repeat it:"


def legend() -> list[tuple[VerdictBadge, str]]:
    """Returns every status with its meaning."""
    return [(VerdictBadge(status), meaning) for status, meaning in MEANINGS.items()]


def slug(text: str) -> str:
    """Returns the text as an anchor's name: ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "part"


def grid_of_pairs(caption: str, headers: tuple[str, str], pairs: Sequence[tuple[str, str]]) -> Grid:
    """Returns a plain table of names with their values."""
    return Grid(caption, headers, tuple(pairs), numbers=False)
