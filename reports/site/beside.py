"""Shows the conditions of one table side by side: the same rows, two columns for each condition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reports.site.pages import Grid, Page, Site
from reports.tables.texts import BLANK

FOLDER = "side-by-side"


@dataclass(frozen=True, slots=True)
class Beside:
    """The pages of one table under several conditions. place: the folder of their common page, from the report's."""

    pages: tuple[Page, ...]

    @property
    def first(self) -> Page:
        return self.pages[0]

    @property
    def place(self) -> str:
        return f"{FOLDER}/{self.first.id}"

    @property
    def grids(self) -> Iterator[Grid]:
        """Yields a table per network and measure, captioned without the scale's width and depth."""
        networks = {block.key: block.title.partition(" (")[0] for page in self.pages for block in page.blocks}
        measures = dict.fromkeys(name for page in self.pages for name in page.measures)
        for network, title in networks.items():
            for measure in measures:
                yield Grid(f"{measure}: {title}", self._headers, tuple(self._rows(network, measure)))

    @property
    def _headers(self) -> tuple[str, ...]:
        parts = ("measured ± std", "95 % interval")
        return "Method", "Published", *(f"{page.condition.label}: {part}" for page in self.pages for part in parts)

    def _rows(self, network: str, measure: str) -> Iterator[tuple[str, ...]]:
        lines = [
            {line.key: line for block in p.blocks if block.key == network for line in block.lines} for p in self.pages
        ]
        labels = {key: line.label for of_page in lines for key, line in of_page.items()}
        for key, label in labels.items():
            published, texts = BLANK, list[str]()
            for page, of_page in zip(self.pages, lines, strict=True):
                if key in of_page and measure in page.measures:
                    cell = of_page[key].entries[page.measures.index(measure)]
                    published = cell.published if published == BLANK else published
                    texts += cell.measured, cell.interval
                else:
                    texts += BLANK, BLANK
            yield label, published, *texts


def besides(site: Site) -> Iterator[Beside]:
    """Yields every table that has a page under more than one condition."""
    for paper in site.papers:
        for pages in paper.cards:
            with_rows = tuple(page for page in pages if page.blocks)
            if len(with_rows) > 1:
                yield Beside(with_rows)
