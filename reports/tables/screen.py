"""A result table on the screen, as wide as the console is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.tables.texts import (
    cell_texts,
    footer,
    glance_header,
    glance_lines,
    glance_title,
    headings,
    network_labels,
    notes,
    printable,
)
from results.measures import Measure
from results.tables import Glance, ResultRow, ResultTable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

_STYLES = ("cyan", "bold", "")
# From spacious to tight: the gap between sub-columns, and the width at which a method's name wraps. A column's
# separator and padding take two more.
_SPACINGS = (("  ", 24), ("  ", 16), (" ", 24), (" ", 16), (" ", 14))
_BETWEEN = 2


def to_rich(table: ResultTable, *, brief: bool = False) -> RenderableType:
    """The table for a `rich.console.Console`: one block per network, reference and measured side by side.

    brief leaves the notes out, but for those on single cells; Markdown has them all.

    Measures that do not fit the console's width side by side continue in a block below. Names are taken literally,
    never as rich's markup.
    """
    return Screen(table, brief)


@dataclass(frozen=True, slots=True)
class Screen:
    """What `to_rich` gives; it lays the table out once the console's width is known."""

    table: ResultTable
    brief: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        table = self.table
        yield Text(printable(table.title), style="bold")
        yield Text(printable(table.source), style="dim")
        for line in table.captions:
            yield Text(printable(line))
        for glance in table.glances:
            yield Text()
            yield Text(f"At a glance: {printable(glance_title(glance))}", style="bold")
            yield _glance(table, glance)
        for network in table.networks:
            yield Text()
            yield Text(printable(network_labels(table)[network]), style="bold underline")
            yield from self._blocks(network, options.max_width)
        yield Text()
        lines = footer(table)
        for line in lines[: len(lines) - len(notes(table))] if self.brief else lines:
            yield Text(printable(line), style="dim")

    def _blocks(self, network: str, width: int) -> Iterator[Table | Text]:
        from rich.text import Text

        rows = [row for row in self.table.rows if row.network == network]
        layout = self._layout(width)
        for number, groups in enumerate(layout.blocks(width)):
            if number:
                yield Text()
            yield self._block(rows, groups, layout.method)

    def _layout(self, width: int) -> _Layout:
        """The most spacious of the layouts with the fewest blocks."""
        labels = [self.table.item, *(printable(row.method_label) for row in self.table.rows)]
        longest = max(map(len, labels))
        layouts = [self._spaced(gap, min(most, longest)) for gap, most in _SPACINGS]
        return min(layouts, key=lambda layout: len(layout.blocks(width)))

    def _spaced(self, gap: str, method: int) -> _Layout:
        return _Layout(method, [_Group.of(self.table, index, gap) for index in range(len(self.table.measures))])

    def _block(self, rows: Sequence[ResultRow], groups: Sequence[_Group], method: int) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        block = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), collapse_padding=True)
        block.add_column(Text(self.table.item), width=method, vertical="bottom")
        for group in groups:
            block.add_column(group.heading, no_wrap=True, min_width=group.width)
        for row in rows:
            label = Text(printable(row.method_label))
            block.add_row(label, *(group.line(self.table, row) for group in groups))
        return block


def _glance(table: ResultTable, glance: Glance) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for number, name in enumerate(glance_header(table, glance)):
        style = "cyan" if name == table.reference else "bold" if number else ""
        found.add_column(Text(name), justify="right" if number else "left", style=style, vertical="bottom")
    for texts in glance_lines(glance):
        found.add_row(*(Text(printable(text)) for text in texts))
    return found


@dataclass(frozen=True, slots=True)
class _Layout:
    """The width of the methods' names, and all measures of the table."""

    method: int
    groups: list[_Group]

    def blocks(self, width: int) -> list[list[_Group]]:
        """The measures that stand side by side, block by block."""
        blocks: list[list[_Group]] = []
        room = -1
        for group in self.groups:
            room -= group.width + _BETWEEN
            if room < 0:
                blocks.append([])
                room = width - self.method - group.width - _BETWEEN
            blocks[-1].append(group)
        return blocks


@dataclass(frozen=True, slots=True)
class _Group:
    """The sub-columns of one measure, padded to widths that hold for all networks."""

    index: int
    measure: Measure
    names: tuple[str, ...]
    widths: tuple[int, ...]
    gap: str

    @classmethod
    def of(cls, table: ResultTable, index: int, gap: str) -> _Group:
        names = headings(table, index)
        texts = [names, *(cell_texts(table, row, index) for row in table.rows)]
        widths = tuple(max(map(len, column)) for column in zip(*texts, strict=True))
        return cls(index, table.measures[index], names, widths, gap)

    @property
    def width(self) -> int:
        return max(self._columns, len(self.measure.heading))

    @property
    def _columns(self) -> int:
        return sum(self.widths) + (len(self.widths) - 1) * len(self.gap)

    @property
    def heading(self) -> Text:
        from rich.text import Text

        names = self.gap.join(name.rjust(width) for name, width in zip(self.names, self.widths, strict=True))
        names = names.rjust(self.width) if len(self.names) == 1 else names
        title = printable(self.measure.heading).center(self.width)
        return Text.assemble((title, "bold"), "\n", (names, "dim"))

    def line(self, table: ResultTable, row: ResultRow) -> Text:
        from rich.text import Text

        widths = self.widths if len(self.names) > 1 else (self.width,)
        styles = _STYLES[: len(self.names)] if len(self.names) > 1 else _STYLES[1:2]
        texts = zip(cell_texts(table, row, self.index), widths, styles, strict=True)
        return Text(self.gap).join(Text(text.rjust(width), style=style) for text, width, style in texts)
