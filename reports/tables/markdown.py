"""A result table as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.tables.texts import footer, glance_header, glance_lines, glance_title, header, lines, markdown
from results.tables import ResultTable


def to_markdown(table: ResultTable) -> str:
    """The table as Markdown (GitHub's tables), with its captions and notes."""
    head = [f"# {markdown(table.title)}", markdown(table.source), *map(markdown, table.captions)]
    for one in table.glances:
        head += [
            f"**At a glance: {markdown(glance_title(one))}**",
            _table(glance_header(table, one), glance_lines(one), 1),
        ]
    notes = "\n".join(f"- {markdown(note)}" for note in footer(table))
    return "\n\n".join([*head, _table(header(table), lines(table), 2), *([notes] if notes else [])]) + "\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], heads: int) -> str:
    """heads: how many of the columns are names; the others are numbers."""
    rule = _line([*(["---"] * heads), *(["---:"] * (len(columns) - heads))], literal=True)
    return "\n".join([_line(columns), rule, *map(_line, rows)])


def _line(cells: Sequence[str], literal: bool = False) -> str:
    return f"| {' | '.join(cells if literal else map(markdown, cells))} |"
