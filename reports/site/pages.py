"""What a report shows, page by page, as plain data: `reports.site` writes it as HTML, Markdown and LaTeX.

All texts are as they came, from runs and plug-ins too: whoever writes them escapes them.
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
    "not reached": "some or all runs never got there",
    "not comparable": "measured, but not under the paper's conditions, at a smaller scale",
    "not measured": "nothing was measured, the page says why",
    "no reference": "measured; the paper gives no value",
}


@dataclass(frozen=True, slots=True)
class VerdictBadge:
    """A cell's verdict: its status, and what the status rests on."""

    status: Status
    why: str = ""

    @property
    def symbol(self) -> str:
        """A sign of its own shape, so that colour is never the only one."""
        return SYMBOLS[self.status]

    @property
    def style(self) -> str:
        """The status as the name of a class of the style sheet."""
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
    """One method: one entry per measure. key: of its row, the same under every condition."""

    label: str
    entries: tuple[ShownCell, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The methods on one network. key: the network's, the same under every condition, which the title need not be."""

    title: str
    lines: tuple[Line, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Any other table: the first `heads` cells of a row are its heading. numbers: all other columns are numbers."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    heads: int = 1
    numbers: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, an SVG and a PDF of the same name. stem: of the files; alt: what is to be seen, in words."""

    stem: Path
    caption: str
    alt: str

    @property
    def name(self) -> str:
        return self.stem.name

    @property
    def for_paper(self) -> bool:
        """Whether there is the PDF, which pictures of earlier versions have not."""
        return self.stem.with_name(f"{self.name}.pdf").is_file()


@dataclass(frozen=True, slots=True)
class PageLink:
    """address: empty for what is named, but cannot be linked."""

    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One table, figure or analysis under one condition. Grids of an analysis stand in `grids`, a table's in `blocks`.

    glances: what matters of it, which comes first.
    facts: (name, value) of the machines of its runs. command: makes its runs; refresh: makes the page, from them.
    made_of: identity of every planned run -> what there was of it, "" for nothing; made_by: the commit that made the
    page; stale: why it is not up to date, "" where it is.
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
        """A table for each measure: published beside measured, and the verdict."""
        heads = ("Method", "Published", "Measured (n)", "95 % interval", "Measured / published", "Evidence", "Verdict")
        shown = [place for place in range(len(heads)) if self.ratios or place != 4]
        for index, name in enumerate(self.measures):
            rows = []
            for line in block.lines:
                of = line.entries[index]
                cells = (line.label, of.published, of.measured, of.interval, of.ratio, of.n, of.light.text)
                rows.append(tuple(cells[place] for place in shown))
            yield Grid(f"{name}, {block.title}", tuple(heads[place] for place in shown), tuple(rows))

    @property
    def ratios(self) -> bool:
        """Whether any cell has a ratio that says anything."""
        return any(entry.ratio != BLANK for block in self.blocks for line in block.lines for entry in line.entries)

    @property
    def place(self) -> str:
        """Its folder, from the report's: a table has a page per condition."""
        return "/".join(filter(None, (self.condition.slug, self.id)))

    @property
    def lights(self) -> list[VerdictBadge]:
        return [entry.light for block in self.blocks for line in block.lines for entry in line.entries]

    @property
    def counts(self) -> list[tuple[VerdictBadge, int]]:
        """How many cells have which status, in the order of the legend."""
        return counts(self.lights)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return (*self.curves, *self.split_pictures, *self.staleness_pictures)


@dataclass(frozen=True, slots=True)
class Absent:
    """A table or analysis without a page, why, and the command that makes its runs."""

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
        """The pages of each table, one a condition."""
        ids = dict.fromkeys(page.id for page in self.pages)
        return [tuple(page for page in self.pages if page.id == id) for id in ids]


@dataclass(frozen=True, slots=True)
class ClaimCell:
    """What became of a claim under one condition: status and label ('holds at smoke'), the effect, its interval, ...

    condition: in words. needed: what would decide it.
    evidence: its tables' pages of that condition, as addresses from the report's folder.
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
        """Its sign, so that colour is never the only one."""
        return VerdictBadge({"holds": "agrees", "does not hold": "differs"}.get(self.status, "undecided"))  # type: ignore[arg-type]

    @property
    def short(self) -> str:
        """Status, effect and what would decide it, in a line."""
        return "; ".join(filter(None, (self.status, self.effect, self.needed)))

    @property
    def decided(self) -> bool:
        return self.status in ("holds", "does not hold")


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A claim, and what became of it under each condition."""

    id: str
    text: str
    source: str
    cells: tuple[ClaimCell, ...]


@dataclass(frozen=True, slots=True)
class ClaimColumn:
    """The claims under one condition: lines of one cell each. made_of, made_by, stale: as those of a page."""

    condition: Conditions
    lines: tuple[ClaimLine, ...]
    made_of: Mapping[str, str] = field(default_factory=dict)
    made_by: str = ""
    stale: str = ""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the papers say in words, and what became of it under every condition that has runs, the smallest first.

    counts: per condition how many have which status. rules: how they are decided. lead: the condition that counts most.
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
        """All of them under the condition that leads, those that hold first, those that are open last."""
        found = [(line, line.cells[self.lead]) for line in self.lines]
        return sorted(found, key=lambda pair: (not pair[1].decided, pair[1].status != "holds"))

    @property
    def counted(self) -> Grid:
        """How many claims have which status under each condition."""
        rows = ((one.label, *map(str, counts)) for one, counts in zip(self.conditions, self.counts, strict=True))
        return Grid("Claims of the papers, by condition", ("Condition", *self.statuses), tuple(rows))

    @property
    def matrix(self) -> Grid:
        """Claim by condition."""
        rows = tuple((f"{line.id}: “{line.text}”", *(cell.short for cell in line.cells)) for line in self.lines)
        names = (one.label for one in self.conditions)
        return Grid("The papers' claims by condition", ("Claim", *names), rows, self.rules, numbers=False)

    def grid(self, index: int) -> Grid:
        """All that is said of them under one condition."""
        rows = tuple(
            (f"{line.id}: “{line.text}”", line.source, cell.label, cell.measured, cell.why, cell.needed)
            for line in self.lines
            for cell in line.cells[index : index + 1]
        )
        headers = ("Claim", "Source", "Verdict", "Measured", "Why", "To decide it")
        return Grid(f"The papers' claims: {self.conditions[index].label}", headers, rows, numbers=False)


@dataclass(frozen=True, slots=True)
class Site:
    """The whole report. warnings: what is amiss; facts: (name, value) of what was run where.

    commands: those that repeat it. asked, columns: what later reports add to (reports.site.kept).
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
        """What its commands do."""
        return again(self.pages)


def counts(lights: Iterable[VerdictBadge]) -> list[tuple[VerdictBadge, int]]:
    """Statuses that occur, with how often, in the order of `SYMBOLS`."""
    found = Counter(light.status for light in lights)
    return [(VerdictBadge(status), found[status]) for status in SYMBOLS if found[status]]


def again(pages: Iterable[Page]) -> str:
    """What the commands do that make the runs of pages: no mere repetition where some rows have fewer seeds."""
    lost = {id for page in pages for id, state in page.made_of.items() if not state}
    return f"To repeat it, and to train {len(lost)} more that are planned and not there:" if lost else "To repeat it:"


def legend() -> list[tuple[VerdictBadge, str]]:
    """Every status with its meaning."""
    return [(VerdictBadge(status), meaning) for status, meaning in MEANINGS.items()]


def slug(text: str) -> str:
    """The text as the name of an anchor: ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "part"


def grid_of_pairs(caption: str, headers: tuple[str, str], pairs: Sequence[tuple[str, str]]) -> Grid:
    """Names with their values."""
    return Grid(caption, headers, tuple(pairs), numbers=False)
