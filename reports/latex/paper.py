r"""A table as LaTeX for a paper: a float of booktabs, as wide as a column or as the text, with its notes below it.

It needs booktabs and graphicx, an encoding of UTF-8 and no more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from reports.latex.best import RULE, best
from reports.latex.escape import escape, label
from reports.tables.texts import (
    Part,
    blank_notes,
    cell_notes,
    heading,
    notes,
    part_text,
    parts,
    printable,
    resolution_notes,
    spread_text,
)
from results.tables import ResultCell, ResultRow, ResultTable

COLUMN_LETTERS = 70
"""Letters of \footnotesize that fit side by side into a column of a page of two, gaps included."""
FITTED = r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}"
"""Command that shrinks its content where that is too wide for its place."""
_GAP = 2  # letters between two columns


@dataclass(frozen=True, slots=True)
class PaperColumn:
    """One column: which part of which measure, by its index."""

    index: int
    part: Part


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table with the columns to show. name: of its file and its label.

    notes: whether the table's notes and its audit stand below it; otherwise they are comments in the file. What
    explains the cells is below the table in any case.
    """

    table: ResultTable
    columns: tuple[PaperColumn, ...]
    name: str
    notes: bool = False

    def __str__(self) -> str:
        body = [
            r"\par\smallskip",
            *tabular(f"@{{}}l{'r' * len(self.columns)}@{{}}", list(self._headings()), list(self._rows())),
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}\scriptsize\raggedright",
            *map(_sentence, self._below()),
            r"\end{minipage}",
        ]
        kind = "table*" if self._width() > COLUMN_LETTERS else "table"
        letters = r"\footnotesize\setlength{\tabcolsep}{3.5pt}"
        lines = floating(kind, self._caption(), f"tab:{self.name}", body, letters=letters)
        below = () if self.notes else notes(self.table)
        return "\n".join([*map(_comment, self._head()), *lines, *map(_comment, below), ""])

    def _head(self) -> Iterator[str]:
        yield f"{self.table.title} ({self.table.source})"
        yield "; ".join(f"{name}: {value}" for name, value in self.table.conditions.columns.items() if value)
        yield f"Needs \\usepackage{{booktabs,graphicx}}; \\input takes it in, \\ref{{tab:{self.name}}} names it."
        yield "Compile twice: \\ref has its number the second time."

    def _caption(self) -> str:
        networks = [name for _, name in _titles(self.table).values()] if len(self.table.networks) == 1 else []
        words = ", ".join(filter(None, (*networks, self.table.conditions.label)))
        return f"{self.table.title} ({words})." if words else f"{self.table.title}."

    # ---- the tabular

    def _headings(self) -> Iterator[str]:
        groups = self._groups()
        if all([column.part for column in of] == ["measured"] for _, of in groups):
            yield row([self.table.item, *(name for name, _ in groups)])
            return
        names = (f"\\multicolumn{{{len(of)}}}{{c}}{{{escape(name)}}}" for name, of in groups)
        yield f" & {' & '.join(names)} \\\\"
        rules, first = [], 2
        for _, of in groups:
            rules.append(f"\\cmidrule(lr){{{first}-{first + len(of) - 1}}}")
            first += len(of)
        yield "".join(rules)
        yield row([self.table.item, *(heading(self.table, column.part) for column in self.columns)])

    def _groups(self) -> list[tuple[str, list[PaperColumn]]]:
        """Returns the heading of each measure with its adjacent columns."""
        groups = groupby(self.columns, key=lambda column: column.index)
        return [(self.table.measures[index].heading, list(of)) for index, of in groups]

    def _rows(self) -> Iterator[str]:
        titles = _titles(self.table)
        for network in self.table.networks:
            yield r"\midrule"
            if len(titles) > 1:
                title = escape(titles[network][1])
                yield f"\\multicolumn{{{len(self.columns) + 1}}}{{@{{}}l}}{{\\emph{{{title}}}}} \\\\"
            bold = {column: self._bold(network, column) for column in self.columns}
            for place, of in enumerate(_rows_of(self.table, network)):
                cells = [self._cell(of, column, place in bold[column]) for column in self.columns]
                yield " & ".join([escape(of.method_label), *cells]) + r" \\"

    def _bold(self, network: str, column: PaperColumn) -> frozenset[int]:
        """Returns the places of a network's rows whose value is bold."""
        if column.part != "measured":
            return frozenset()
        cells = [of.cells[column.index] for of in _rows_of(self.table, network)]
        return best(cells, self.table.measures[column.index])

    def _cell(self, of: ResultRow, column: PaperColumn, bold: bool) -> str:
        text = escape(self._text(of, column))
        letter = self.table.footnotes.get(of.cells[column.index].reason, "") if column.part == "measured" else ""
        mark = f"\\textsuperscript{{{letter}}}" if letter else ""
        return f"\\textbf{{{text}}}{mark}" if bold else f"{text}{mark}"

    def _text(self, of: ResultRow, column: PaperColumn) -> str:
        counts = self._counts()
        n = next(iter(counts)) if len(counts) == 1 else None  # of every value, said below the table
        return part_text(of.cells[column.index], self.table.measures[column.index], column.part, n)

    def _width(self) -> int:
        """Returns the width of the table in letters, about."""
        rows = self.table.rows
        width = max([len(of.method_label) for of in rows], default=0)
        for name, columns_of_group in self._groups():
            widths = [_GAP * (len(columns_of_group) - 1)]
            for column in columns_of_group:
                texts = [heading(self.table, column.part), *(self._text(of, column) for of in rows)]
                widths.append(max(map(len, texts)))
            width += _GAP + max(sum(widths), len(name))
        return width

    # ---- below it

    def _shown(self) -> list[ResultCell]:
        indices = sorted({column.index for column in self.columns})
        return [of.cells[index] for of in self.table.rows for index in indices]

    def _counts(self) -> Counter[int]:
        """Counts the values by their numbers of runs."""
        return Counter(cell.measured.n for cell in self._shown() if cell.measured is not None and cell.has_value)

    def _below(self) -> Iterator[str]:
        """Yields sentences, those on cells first."""
        table, shown = self.table, self._shown()
        reasons = {cell.reason for cell in shown}
        yield from (f"[{letter}] {reason}" for reason, letter in table.footnotes.items() if reason in reasons)
        if self._counts() and not all(table.measures[column.index].exact for column in self.columns):
            yield spread_text(self._counts(), always=True)
        yield from cell_notes([cell.measured for cell in shown])
        yield from resolution_notes(table, sorted({c.index for c in self.columns if c.part == "measured"}))
        if any(column.part == "published" for column in self.columns):
            yield from blank_notes(table)
        if any(self._bold(network, column) for network in table.networks for column in self.columns):
            yield RULE
        yield from table.captions
        titles = _titles(table).values() if len(table.networks) > 1 else ()
        yield from (f"{title}: {long}" for long, title in titles if long != title)
        yield from notes(table) if self.notes else ()


def of(table: ResultTable) -> PaperTable:
    """Returns the networks that have measured values, or all where none has: published beside measured."""
    measured = {row.network for row in table.rows if any(cell.has_value for cell in row.cells)}
    shown = with_rows(table, [row for row in table.rows if row.network in measured or not measured])
    every = tuple(column for index in range(len(table.measures)) for column in columns(shown, index))
    return PaperTable(shown, every, name(table))


def with_rows(table: ResultTable, rows: Sequence[ResultRow]) -> ResultTable:
    """Returns the table with these rows, without the captions of networks that have none."""
    gone = set(table.networks) - {row.network for row in rows}
    captions = (line for line in table.captions if line.partition(": ")[0] not in gone)
    return replace(table, rows=tuple(rows), captions=tuple(captions))


def columns(table: ResultTable, index: int) -> tuple[PaperColumn, ...]:
    """Returns the columns of a measure: published, where any row has such a value, and measured."""
    return tuple(PaperColumn(index, part) for part in parts(table, index) if part != "ratio")


def name(table: ResultTable) -> str:
    """Returns the name of the table's file and label, unique to table and condition: 'table3-smoke-virtual-paper-a'."""
    return label("-".join(filter(None, (table.name, table.conditions.slug))))


def figure(table: ResultTable, name: str, file: str, words: str, *, wide: bool = False) -> str:
    """Returns a float with a picture, as wide as it is, or as the column where that is less.

    name: of its label. file: of the picture, found by graphicx. words: of its caption. wide: over both columns.
    """
    heads = (
        f"{table.title} ({table.source})",
        "Needs \\usepackage{graphicx}, and \\graphicspath{{FOLDER/}} with the folder of the picture.",
    )
    lines = floating("figure*" if wide else "figure", words, f"fig:{name}", [fitted_picture(file)])
    return "\n".join([*map(_comment, heads), *lines, ""])


def floating(
    kind: str, caption: str, mark: str, body: Sequence[str], *, letters: str = "", place: str = "tbp"
) -> list[str]:
    """Returns the lines of a float. kind: table or figure, whose caption is below, with a star over both columns."""
    head = [f"\\caption{{{escape(caption)}}}", *([f"\\label{{{mark}}}"] if mark else [])]
    parts = [*body, *head] if kind.startswith("figure") else [*head, *body]
    return [f"\\begin{{{kind}}}[{place}]", f"\\centering{letters}", *parts, f"\\end{{{kind}}}"]


def tabular(columns: str, heads: Sequence[str], body: Sequence[str]) -> list[str]:
    """Returns the lines of a tabular of booktabs that shrinks to its place."""
    begin = [f"{FITTED}{{%", f"\\begin{{tabular}}{{{columns}}}", r"\toprule"]
    return [*begin, *heads, *body, r"\bottomrule", r"\end{tabular}}"]


def fitted_picture(file: str) -> str:
    return f"{FITTED}{{\\includegraphics{{{file}}}}}"


def _rows_of(table: ResultTable, network: str) -> list[ResultRow]:
    return [row for row in table.rows if row.network == network]


def _titles(table: ResultTable) -> dict[str, tuple[str, str]]:
    """Returns by network its label, and the label without the scale's changes where that is still unique."""
    long = {row.network: row.network_label for row in table.rows}
    short = {network: text.partition(" (")[0] for network, text in long.items()}
    unique = len(set(short.values())) == len(short)
    return {network: (text, short[network] if unique else text) for network, text in long.items()}


def _sentence(text: str) -> str:
    """Escapes a sentence for LaTeX and ends it with a stop. '[a] ...' is a footnote, whose letter is raised."""
    note = re.match(r"\[([a-z]+)\] ", text)
    mark = f"\\textsuperscript{{{note[1]}}}\\," if note else ""
    return mark + escape(text[note.end() if note else 0 :] + ("" if text.endswith((".", "!", "?")) else "."))


def row(cells: Sequence[str]) -> str:
    """Returns an escaped line of a tabular; a bracket after an empty cell would be an option of the line before."""
    return " & ".join(map(escape, cells)) + r" \\"


def _comment(text: str) -> str:
    """Returns a comment of one line."""
    return f"% {printable(text)}"
