"""The conditions of one table side by side: the same rows, a group of columns for each condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.site.pages import Grid, Page, ShownCell, Site
from reports.tables.texts import BLANK

FOLDER = "side-by-side"


@dataclass(frozen=True, slots=True)
class BesideRow:
    """One row of the table: what was published, and its cell under each condition, None where it has none."""

    label: str
    published: str
    cells: tuple[ShownCell | None, ...]


@dataclass(frozen=True, slots=True)
class BesideGrid:
    """One measure on one network, under the network's name without the scale's width and depth."""

    network: str
    measure: str
    rows: tuple[BesideRow, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """All pages of one table."""

    pages: tuple[Page, ...]

    @property
    def id(self) -> str:
        return self.pages[0].id

    @property
    def title(self) -> str:
        return self.pages[0].title

    @property
    def source(self) -> str:
        return self.pages[0].source

    @property
    def place(self) -> str:
        """Folder of the page, relative to the report's."""
        return f"{FOLDER}/{self.id}"

    @property
    def grids(self) -> tuple[BesideGrid, ...]:
        networks = {block.key: block.title.partition(" (")[0] for page in self.pages for block in page.blocks}
        measures = dict.fromkeys(name for page in self.pages for name in page.measures)
        return tuple(_grid(self.pages, key, title, name) for key, title in networks.items() for name in measures)

    def flat(self, one: BesideGrid) -> Grid:
        """Copy with one line of headings, for Markdown."""
        parts = ("measured (n)", "95 % interval")
        heads = (f"{page.condition.label}: {part}" for page in self.pages for part in parts)
        rows = tuple((row.label, row.published, *_texts(row)) for row in one.rows)
        return Grid(f"{one.network}: {one.measure}", ("Method", "Published", *heads), rows)


def besides(site: Site) -> Iterator[Beside]:
    """Yields every table that has a page under more than one condition."""
    for paper in site.papers:
        for pages in paper.cards:
            with_rows = tuple(page for page in pages if page.blocks)
            if len(with_rows) > 1:
                yield Beside(with_rows)


def _texts(row: BesideRow) -> Iterator[str]:
    for cell in row.cells:
        yield from (cell.measured, cell.interval) if cell is not None else (BLANK, BLANK)


def _grid(pages: Sequence[Page], network: str, title: str, measure: str) -> BesideGrid:
    per_page = [_cells(page, network, measure) for page in pages]
    labels: dict[str, str] = {}
    for page in pages:
        labels |= {line.key: line.label for block in page.blocks for line in block.lines if block.key == network}
    rows = []
    for key, label in labels.items():
        cells = tuple(cells.get(key) for cells in per_page)
        published = (cell.published for cell in cells if cell is not None and cell.published != BLANK)
        rows.append(BesideRow(label, next(published, BLANK), cells))
    return BesideGrid(title, measure, tuple(rows))


def _cells(page: Page, network: str, measure: str) -> dict[str, ShownCell]:
    """Cells by the row's key."""
    if measure not in page.measures:
        return {}
    index = page.measures.index(measure)
    return {line.key: line.entries[index] for block in page.blocks if block.key == network for line in block.lines}
