"""A result table as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from reports.tables.texts import footer, header, lines, markdown
from results.tables import ResultTable


def to_markdown(table: ResultTable) -> str:
    """The table as Markdown (GitHub's tables), with its captions and notes."""
    columns = header(table)
    rows = [_line(columns), _line(["---", "---", *(["---:"] * (len(columns) - 2))], literal=True)]
    rows += map(_line, lines(table))
    head = [f"# {markdown(table.title)}", markdown(table.source), *map(markdown, table.captions)]
    notes = "\n".join(f"- {markdown(note)}" for note in footer(table))
    return "\n\n".join([*head, "\n".join(rows), *([notes] if notes else [])]) + "\n"


def _line(cells: Sequence[str], literal: bool = False) -> str:
    return f"| {' | '.join(cells if literal else map(markdown, cells))} |"
