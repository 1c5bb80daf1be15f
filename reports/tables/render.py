"""A result table on the screen, as tidy CSV and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.tables.texts import cell_texts, footer, headings, markdown, network_labels, notes, printable
from results.files import replace
from results.measures import Measure
from results.tables import ResultRow, ResultTable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

COLUMNS = (
    "table network network_label row method measure published_mean published_std published_n "
    "measured_mean measured_std measured_n censored at_least ratio reason"
).split()

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
        styles = _STYLES if len(self.names) > 1 else _STYLES[1:2]
        texts = zip(cell_texts(table, row, self.index), widths, styles, strict=True)
        return Text(self.gap).join(Text(text.rjust(width), style=style) for text, width, style in texts)


def to_csv(table: ResultTable) -> str:
    """Tidy CSV, one line per network, row and measure; floats in full, empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table.rows:
        for measure, cell in zip(table.measures, row.cells, strict=True):
            paper, ours = cell.published, cell.measured
            names = [table.name, row.network, row.network_label, row.row, row.method_label, measure.key]
            published = [paper.mean, paper.std, paper.n] if paper else [None] * 3
            measured = [ours.mean, ours.std, ours.n, ours.censored, ours.at_least] if ours else [None] * 5
            writer.writerow([*names, *published, *measured, cell.ratio, cell.reason])
    return text.getvalue()


def to_markdown(table: ResultTable) -> str:
    """The table as Markdown (GitHub's tables), with its captions and notes."""
    indices = range(len(table.measures))
    groups = [f"{table.measures[index].heading}, {name}" for index in indices for name in headings(table, index)]
    lines = [_line([table.group, table.item, *groups]), _line(["---", "---", *(["---:"] * len(groups))], literal=True)]
    for row in table.rows:
        texts = [text for index in indices for text in cell_texts(table, row, index)]
        lines.append(_line([row.network_label, row.method_label, *texts]))
    head = [f"# {markdown(table.title)}", markdown(table.source), *map(markdown, table.captions)]
    notes = "\n".join(f"- {markdown(note)}" for note in footer(table))
    return "\n\n".join([*head, "\n".join(lines), *([notes] if notes else [])]) + "\n"


def write(table: ResultTable, folder: Path) -> tuple[Path, Path]:
    """Write `<name>.csv` and `<name>.md` under the folder, each whole or not at all; gives their paths.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    paths = (folder / f"{table.name}.csv", folder / f"{table.name}.md")
    for path, text in zip(paths, (to_csv(table), to_markdown(table)), strict=True):
        replace(path, text.encode())
    return paths


def _line(cells: Sequence[str], literal: bool = False) -> str:
    return f"| {' | '.join(cells if literal else map(markdown, cells))} |"
