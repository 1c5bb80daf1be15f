"""A result table on the screen, as wide as the console is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.tables.texts import (
    BLANK,
    cell_texts,
    footnotes,
    glance_pair,
    glance_rule,
    glance_title,
    headings,
    legend,
    network_labels,
    printable,
    published_pair,
)
from results.tables import Glance, ResultRow, ResultTable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

_STYLES = {"published": "cyan", "measured": "bold", "ratio": ""}
# From spacious to tight: the gap between sub-columns, and the width at which a method's name wraps. A column's
# separator and padding take two more.
_SPACINGS = (("  ", 24), (" ", 24), ("  ", 16), (" ", 16), (" ", 14))
_BETWEEN = 2


def to_rich(table: ResultTable) -> RenderableType:
    """The table for a `rich.console.Console`: one block per network, reference and measured side by side.

    What matters at a glance comes first in it. Below stand the caveats; the notes of a table that has none, else they
    are in its files. Measures that do not fit the console's width side by side continue in a block below. Names are
    taken literally, never as rich's markup.
    """
    return Screen(table)


@dataclass(frozen=True, slots=True)
class Screen:
    """A table that lays itself out once the console's width is known; made by `to_rich`."""

    table: ResultTable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        table = self.table
        yield Text.assemble((printable(table.title), "bold"), (f" ({printable(table.source)})", "dim"))
        for line in (*_captions(table), *_glances(table.glances)):
            yield Text(printable(line))
        layout = self._layout(options.max_width)
        for network in table.networks:
            yield Text()
            yield Text(printable(network_labels(table)[network]), style="bold underline")
            rows = [row for row in table.rows if row.network == network]
            for number, groups in enumerate(layout.blocks(options.max_width)):
                if number:
                    yield Text()
                yield self._block(rows, groups, layout)
        yield Text()
        meaning = " ".join(legend(table))
        for line in (*footnotes(table), *([meaning] if meaning else []), *(table.caveats or table.notes)):
            yield Text(printable(line), style="dim")

    def _layout(self, width: int) -> _Layout:
        """The most spacious of the layouts with the fewest blocks."""
        longest = max(map(len, [self.table.item, *(printable(row.method_label) for row in self.table.rows)]))
        groups = list(_groups(self.table))
        layouts = [_Layout(min(most, longest), gap, groups) for gap, most in _SPACINGS]
        return min(layouts, key=lambda layout: len(layout.blocks(width)))

    def _block(self, rows: Sequence[ResultRow], groups: Sequence[_Group], layout: _Layout) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        block = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), collapse_padding=True)
        block.add_column(Text(self.table.item), width=layout.method, vertical="bottom")
        for group in groups:
            block.add_column(group.title(layout.gap), no_wrap=True, min_width=group.width(layout.gap))
        for row in rows:
            block.add_row(Text(printable(row.method_label)), *(group.line(row, layout.gap) for group in groups))
        return block


def _captions(table: ResultTable) -> Iterator[str]:
    """Captions, those of single networks in one line."""
    of_networks = [line for line in table.captions if line.partition(": ")[0] in table.networks]
    yield from (line for line in table.captions if line not in of_networks)
    if of_networks:
        yield "; ".join(of_networks)


def _glances(glances: Sequence[Glance]) -> list[str]:
    """Captions of the speed-ups and differences; a single one where it is the same for all networks."""
    rules = dict.fromkeys(map(glance_rule, glances))
    return [f"{rule[0].upper()}{rule[1:]}" for rule in rules] if len(rules) == 1 else [*map(glance_title, glances)]


@dataclass(frozen=True, slots=True)
class _Group:
    """Sub-columns under one heading, padded to widths that hold for all networks. texts: by network and row."""

    heading: str
    names: tuple[str, ...]
    styles: tuple[str, ...]
    texts: Mapping[tuple[str, str], tuple[str, ...]]

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(max(map(len, column)) for column in zip(self.names, *self.texts.values(), strict=True))

    def width(self, gap: str) -> int:
        return max(sum(self.widths) + (len(self.widths) - 1) * len(gap), len(self.heading))

    def title(self, gap: str) -> Text:
        from rich.text import Text

        names = gap.join(name.rjust(width) for name, width in zip(self.names, self._widths(gap), strict=True))
        return Text.assemble((self.heading.center(self.width(gap)), "bold"), "\n", (names, "dim"))

    def line(self, row: ResultRow, gap: str) -> Text:
        from rich.text import Text

        texts = zip(self.texts[row.network, row.row], self._widths(gap), self.styles, strict=True)
        return Text(gap).join(Text(text.rjust(width), style=style) for text, width, style in texts)

    def _widths(self, gap: str) -> tuple[int, ...]:
        return self.widths if len(self.names) > 1 else (self.width(gap),)


def _groups(table: ResultTable) -> Iterator[_Group]:
    """Yields the groups of columns: first the speed-ups and differences, then the measures."""
    if table.glances:
        yield from _glance_groups(table)
    for index, measure in enumerate(table.measures):
        names = headings(table, index)
        parts = ("published", "measured", "ratio") if table.refers(index) else ("measured",)
        texts = {(row.network, row.row): cell_texts(table, row, index) for row in table.rows}
        yield _group(printable(measure.heading), names, parts, texts)


def _glance_groups(table: ResultTable) -> Iterator[_Group]:
    lines = {(glance.key, line.row): (line, glance) for glance in table.glances for line in glance.lines}
    bases = {(glance.key, glance.row) for glance in table.glances}
    published = any(glance.published for glance in table.glances)
    names, parts = (table.reference, table.value)[not published :], ("published", "measured")[not published :]
    for index, heading in enumerate(("Speed-up", table.glances[0].heading)):
        texts = {}
        for row in table.rows:
            key = row.network, row.row
            if found := lines.get(key):
                texts[key] = published_pair(*found)[index], glance_pair(*found)[index]
            else:
                texts[key] = BLANK, "baseline" if key in bases else BLANK
        yield _group(heading, names, parts, {key: both[not published :] for key, both in texts.items()})


def _group(
    heading: str, names: Sequence[str], parts: Sequence[str], texts: Mapping[tuple[str, str], Sequence[str]]
) -> _Group:
    shown = {key: tuple(map(printable, of)) for key, of in texts.items()}
    heads = ("paper" if name == "published" else name for name in names)
    return _Group(heading, tuple(heads), tuple(_STYLES[part] for part in parts[: len(names)]), shown)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The width of the methods' names, the gap between sub-columns, and all groups of the table."""

    method: int
    gap: str
    groups: list[_Group]

    def blocks(self, width: int) -> list[list[_Group]]:
        """The groups that stand side by side, block by block."""
        blocks: list[list[_Group]] = []
        room = -1
        for group in self.groups:
            room -= group.width(self.gap) + _BETWEEN
            if room < 0:
                blocks.append([])
                room = width - self.method - group.width(self.gap) - _BETWEEN
            blocks[-1].append(group)
        return blocks
