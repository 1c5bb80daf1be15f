"""Tables as Markdown, GitHub's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.tables.texts import footer, glance_header, glance_lines, glance_title, header, lines, markdown
from results.tables import ResultTable


def to_markdown(table: ResultTable) -> str:
    """The table as Markdown, with its captions and notes."""
    parts = [f"# {markdown(table.title)}", markdown(table.source), *map(markdown, table.captions)]
    for one in table.glances:
        parts.append(f"**At a glance: {markdown(glance_title(one))}**")
        parts.append(rows(glance_header(table, one), glance_lines(one)))
    parts.append(rows(header(table), lines(table), heads=2))
    if notes := "\n".join(f"- {markdown(note)}" for note in footer(table)):
        parts.append(notes)
    return "\n\n".join(parts) + "\n"


def rows(columns: Sequence[object], body: Iterable[Sequence[object]], heads: int = 1, *, numbers: bool = True) -> str:
    """A table of any texts, without a caption. heads: how many columns are names; numbers: whether the others are."""
    rule = ["---:" if numbers and place >= heads else "---" for place in range(len(columns))]
    texts = [map(markdown, columns), rule, *(map(markdown, row) for row in body)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)
