"""Lays a result table out on the screen, as wide as the console is."""

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
    heading,
    legend,
    network_labels,
    parts,
    printable,
    published_pair,
)
from results.tables import ResultTable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.text import Text

_STYLES = {"published": "cyan", "measured": "bold", "ratio": ""}
_SPACINGS = (("  ", 24), (" ", 24), ("  ", 16), (" ", 16), (" ", 14))
"""From spacious to tight: the gap between sub-columns, and the width at which a method's name wraps."""
_BETWEEN = 2  # letters of a column's separator and padding


def to_rich(table: ResultTable) -> RenderableType:
    """Returns the table for a `rich.console.Console`: one block per network, reference and measured side by side.

    The comparison at a glance comes first. Below stand the caveats, or the notes of a table without caveats. Measures
    that do not fit the console's width side by side continue in a block below. Names are never read as rich's markup.
    """
    return Screen(table)


@dataclass(frozen=True, slots=True)
class Screen:
    """A table that lays itself out once the console's width is known; made by `to_rich`."""

    table: ResultTable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table, width, groups = self.table, options.max_width, list(_groups(self.table))
        yield Text.assemble((printable(table.title), "bold"), (f" ({printable(table.source)})", "dim"))
        yield from (Text(printable(line)) for line in (*_captions(table), *_glances(table)))
        longest = max(map(len, [table.item, *(printable(row.method_label) for row in table.rows)]))
        layouts = [
            (_blocks(groups, width - min(most, longest), gap), gap, min(most, longest)) for gap, most in _SPACINGS
        ]
        blocks, gap, method = min(layouts, key=lambda layout: len(layout[0]))
        for network in table.networks:
            yield Text()
            yield Text(printable(network_labels(table)[network]), style="bold underline")
            for number, block in enumerate(blocks):
                if number:
                    yield Text()
                grid = Table(
                    box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), collapse_padding=True
                )
                grid.add_column(Text(table.item), width=method, vertical="bottom")
                for group in block:
                    grid.add_column(group.title(gap), no_wrap=True, min_width=group.width(gap))
                for row in (row for row in table.rows if row.network == network):
                    cells = (group.line(group.texts[network, row.row], gap) for group in block)
                    grid.add_row(Text(printable(row.method_label)), *cells)
                yield grid
        yield Text()
        meaning = " ".join(legend(table))
        for line in (*footnotes(table), *([meaning] if meaning else []), *(table.caveats or table.notes)):
            yield Text(printable(line), style="dim")


def _captions(table: ResultTable) -> Iterator[str]:
    """Yields the captions, those of single networks in one line."""
    of_networks = [line for line in table.captions if line.partition(": ")[0] in table.networks]
    yield from (line for line in table.captions if line not in of_networks)
    if of_networks:
        yield "; ".join(of_networks)


def _glances(table: ResultTable) -> list[str]:
    """Returns captions of the speed-ups and differences; a single one where it is the same for all networks."""
    rules = dict.fromkeys(map(glance_rule, table.glances))
    return (
        [f"{rule[0].upper()}{rule[1:]}" for rule in rules] if len(rules) == 1 else [*map(glance_title, table.glances)]
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Sub-columns under one heading, equally wide for all networks. texts: by network and row."""

    heading: str
    names: Sequence[str]
    styles: Sequence[str]
    texts: Mapping[tuple[str, str], Sequence[str]]

    @property
    def widths(self) -> list[int]:
        widths = [max(map(len, column)) for column in zip(self.names, *self.texts.values(), strict=True)]
        return widths if len(widths) > 1 else [max(widths[0], len(self.heading))]

    def width(self, gap: str) -> int:
        return max(sum(self.widths) + len(gap) * (len(self.names) - 1), len(self.heading))

    def title(self, gap: str) -> Text:
        from rich.text import Text

        names = gap.join(name.rjust(width) for name, width in zip(self.names, self.widths, strict=True))
        return Text.assemble((self.heading.center(self.width(gap)), "bold"), "\n", (names, "dim"))

    def line(self, texts: Sequence[str], gap: str) -> Text:
        from rich.text import Text

        columns = zip(texts, self.widths, self.styles, strict=True)
        return Text(gap).join(Text(text.rjust(width), style=style) for text, width, style in columns)


def _groups(table: ResultTable) -> Iterator[_Group]:
    """Yields the groups of columns: first the speed-ups and differences, then the measures."""
    if table.glances:
        yield from _glance_groups(table)
    for index, measure in enumerate(table.measures):
        names = [_short(heading(table, part)) for part in parts(table, index)]
        styles = [_STYLES[part] for part in parts(table, index)]
        texts = {
            (row.network, row.row): [printable(text) for text in cell_texts(table, row, index)] for row in table.rows
        }
        yield _Group(printable(measure.heading), names, styles, texts)


def _glance_groups(table: ResultTable) -> Iterator[_Group]:
    lines = {(glance.key, line.row): (line, glance) for glance in table.glances for line in glance.lines}
    baselines = {(glance.key, glance.row) for glance in table.glances}
    first = 0 if any(glance.published for glance in table.glances) else 1
    names = [_short(table.reference), table.value][first:]
    for index, title in enumerate(("Speed-up", table.glances[0].heading)):
        texts = {}
        for row in table.rows:
            key = row.network, row.row
            pair = BLANK, "baseline" if key in baselines else BLANK
            if key in lines:
                pair = published_pair(*lines[key])[index], glance_pair(*lines[key])[index]
            texts[key] = pair[first:]
        yield _Group(title, names, ["cyan", "bold"][first:], texts)


def _short(name: str) -> str:
    return "paper" if name == "published" else name


def _blocks(groups: Sequence[_Group], width: int, gap: str) -> list[list[_Group]]:
    """Returns the groups that stand side by side, block by block. width: of a block, without the methods' names."""
    blocks: list[list[_Group]] = []
    free = -1
    for group in groups:
        free -= group.width(gap) + _BETWEEN
        if free < 0:
            blocks.append([])
            free = width - group.width(gap) - _BETWEEN
        blocks[-1].append(group)
    return blocks
