r"""A table as LaTeX for a paper: a float of booktabs, as wide as a column or as the text, with its notes below it.

It needs booktabs and graphicx, an encoding of UTF-8 and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from reports.latex.best import RULE, best
from reports.latex.escape import escape, label
from reports.tables.texts import (
    BLANK,
    cell_notes,
    footer,
    measured_text,
    notes,
    published_text,
    ratio_text,
    resolution_notes,
    spread_text,
)
from results.measures import Measure
from results.statistics.resolution import summary_interval
from results.tables import ResultCell, ResultRow, ResultTable

Part = Literal["published", "measured", "interval", "n", "ratio"]
PARTS: tuple[Part, ...] = get_args(Part)
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
    """A table with the columns that are shown of it. name: of its file and its label. notes: all, below the table.

    Without `notes` the table's notes and its audit are comments in the file; what cells and conditions need is below
    the table all the same.
    """

    table: ResultTable
    columns: tuple[PaperColumn, ...]
    name: str
    notes: bool = False

    def __str__(self) -> str:
        body = [
            r"\par\smallskip",
            *tabular(f"@{{}}l{'r' * len(self.columns)}@{{}}", list(self._headings), list(self._rows)),
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}\scriptsize\raggedright",
            *self._below,
            r"\end{minipage}",
        ]
        kind = "table*" if self._letters > COLUMN_LETTERS else "table"
        lines = floating(
            kind, self._caption, f"tab:{self.name}", body, letters=r"\footnotesize\setlength{\tabcolsep}{3.5pt}"
        )
        below = () if self.notes else self._long_notes
        return "\n".join([*map(_comment, self._head), *lines, *map(_comment, below), ""])

    @property
    def _head(self) -> Iterator[str]:
        conditions = self.table.conditions
        yield f"{self.table.title} ({self.table.source})"
        yield "; ".join(f"{name}: {value}" for name, value in conditions.columns.items() if value)
        yield f"Needs \\usepackage{{booktabs,graphicx}}; \\input takes it in, \\ref{{tab:{self.name}}} names it."
        yield "Compile twice: \\ref has its number the second time."

    @property
    def _caption(self) -> str:
        networks = [name for _, name in _titles(self.table).values()] if len(self.table.networks) == 1 else []
        parts = ", ".join(filter(None, (*networks, self.table.conditions.label)))
        return f"{self.table.title} ({parts})." if parts else f"{self.table.title}."

    # ---- the tabular

    @property
    def _groups(self) -> dict[int, list[PaperColumn]]:
        """Adjacent columns of a measure, by the place of the first."""
        groups: dict[int, list[PaperColumn]] = {}
        for place, column in enumerate(self.columns):
            if place and self.columns[place - 1].index == column.index:
                groups[max(groups)].append(column)
            else:
                groups[place] = [column]
        return groups

    @property
    def _headings(self) -> Iterator[str]:
        groups, measures = self._groups, self.table.measures
        if all(len(group) == 1 and group[0].part == "measured" for group in groups.values()):
            yield row([self.table.item, *(measures[group[0].index].heading for group in groups.values())])
            return
        names = (
            f"\\multicolumn{{{len(of)}}}{{c}}{{{escape(measures[of[0].index].heading)}}}" for of in groups.values()
        )
        yield f" & {' & '.join(names)} \\\\"
        yield "".join(f"\\cmidrule(lr){{{place + 2}-{place + 1 + len(of)}}}" for place, of in groups.items())
        yield row([self.table.item, *map(self._heading, self.columns)])

    def _heading(self, column: PaperColumn) -> str:
        words = {"published": self.table.reference, "measured": self.table.value, "interval": "95 % interval"}
        return words.get(column.part, column.part)

    @property
    def _rows(self) -> Iterator[str]:
        several = len(self.table.networks) > 1
        for network in self.table.networks:
            yield r"\midrule"
            if several:
                title = escape(_titles(self.table)[network][1])
                yield f"\\multicolumn{{{len(self.columns) + 1}}}{{@{{}}l}}{{\\emph{{{title}}}}} \\\\"
            rows = [row for row in self.table.rows if row.network == network]
            bold = self._bold(rows)
            for place, row in enumerate(rows):
                cells = [self._cell(row, column, place in bold[column.index]) for column in self.columns]
                yield " & ".join([escape(row.method_label), *cells]) + r" \\"

    def _bold(self, rows: Sequence[ResultRow]) -> Mapping[int, frozenset[int]]:
        measures = enumerate(self.table.measures)
        return {index: best([row.cells[index] for row in rows], measure) for index, measure in measures}

    def _cell(self, row: ResultRow, column: PaperColumn, bold: bool) -> str:
        cell = row.cells[column.index]
        text = escape(self._text(cell, column))
        if column.part != "measured":
            return text
        letter = self.table.footnotes.get(cell.reason, "")
        mark = f"\\textsuperscript{{{letter}}}" if letter else ""
        return f"\\textbf{{{text}}}{mark}" if bold else f"{text}{mark}"

    def _text(self, cell: ResultCell, column: PaperColumn) -> str:
        measure = self.table.measures[column.index]
        match column.part:
            case "published":
                return published_text(cell.published, measure)
            case "measured":
                return measured_text(cell, measure, n=self._n)
            case "interval":
                return _interval(cell, measure)
            case "n":
                return str(cell.measured.n) if cell.measured is not None else BLANK
            case "ratio":
                return ratio_text(cell)

    @property
    def _letters(self) -> int:
        """Width of the table in letters, about."""
        rows = self.table.rows
        widths = [max([len(row.method_label) for row in rows], default=0)]
        for column in self.columns:
            texts = [self._heading(column), *(self._text(row.cells[column.index], column) for row in rows)]
            widths.append(max(map(len, texts)))
        for place, of in self._groups.items():  # a heading above several columns may be wider than they are
            room = sum(widths[place + 1 : place + 1 + len(of)])
            widths[place + 1] += max(0, len(self.table.measures[of[0].index].heading) - room - _GAP * (len(of) - 1))
        return sum(widths) + _GAP * len(self.columns)

    # ---- below it

    @property
    def _shown(self) -> list[ResultCell]:
        indices = {column.index for column in self.columns}
        return [row.cells[index] for row in self.table.rows for index in sorted(indices)]

    @property
    def _counts(self) -> Counter[int]:
        """Counts the values by their numbers of runs."""
        return Counter(cell.measured.n for cell in self._shown if cell.measured is not None and cell.has_value)

    @property
    def _n(self) -> int | None:
        """Number of runs of every value; None where it differs."""
        return next(iter(self._counts)) if len(self._counts) == 1 else None

    @property
    def _below(self) -> Iterator[str]:
        """Sentences, those on cells first."""
        shown = {cell.reason for cell in self._shown}
        for reason, letter in self.table.footnotes.items():
            if reason in shown:
                yield f"\\textsuperscript{{{letter}}}\\,{_sentence(reason)}"
        yield from map(_sentence, (*self._reading, *self.table.captions))
        titles = _titles(self.table).values() if len(self.table.networks) > 1 else ()
        yield from (_sentence(f"{title}: {long}") for long, title in titles if long != title)
        yield from map(_sentence, self._long_notes if self.notes else ())

    @property
    def _reading(self) -> Iterator[str]:
        """Yields the notes on how to read the values."""
        measures = [self.table.measures[column.index] for column in self.columns]
        if self._counts and not all(measure.exact for measure in measures):
            yield spread_text(self._counts, all_said=True)
        yield from cell_notes([cell.measured for cell in self._shown])
        yield from resolution_notes(
            self.table, sorted({column.index for column in self.columns if column.part == "measured"})
        )
        if any(column.part == "published" for column in self.columns):
            yield from (line for line in footer(self.table) if line.startswith(BLANK))
        if any(places for network in self.table.networks for places in self._bold_on(network)):
            yield RULE

    def _bold_on(self, network: str) -> list[frozenset[int]]:
        bold = self._bold([row for row in self.table.rows if row.network == network])
        return [bold[column.index] for column in self.columns if column.part == "measured"]

    @property
    def _long_notes(self) -> list[str]:
        return notes(self.table)


def of(table: ResultTable) -> PaperTable:
    """All of a table that was measured, or all of it where nothing was: published beside measured."""
    there = {row.network for row in table.rows if any(cell.has_value for cell in row.cells)}
    shown = with_rows(table, [row for row in table.rows if row.network in there or not there])
    every = tuple(column for index in range(len(table.measures)) for column in columns(shown, index))
    return PaperTable(shown, every, name(table))


def with_rows(table: ResultTable, rows: Sequence[ResultRow]) -> ResultTable:
    """The table with these of its rows, and without what its captions say of networks that have none."""
    gone = set(table.networks) - {row.network for row in rows}
    captions = (line for line in table.captions if line.partition(": ")[0] not in gone)
    return replace(table, rows=tuple(rows), captions=tuple(captions))


def columns(table: ResultTable, index: int) -> tuple[PaperColumn, ...]:
    """Columns of a measure: published, where any row has such a value, and measured."""
    parts: tuple[Part, ...] = ("published", "measured") if table.refers(index) else ("measured",)
    return tuple(PaperColumn(index, part) for part in parts)


def name(table: ResultTable) -> str:
    """Name of the table's file and label, unique to table and condition: 'table3-smoke-virtual-paper-a'."""
    return label("-".join(filter(None, (table.name, table.conditions.slug))))


def figure(table: ResultTable, name: str, file: str, words: str, *, wide: bool = False) -> str:
    """A float that takes a picture in, as wide as it is, or as the column where that is less.

    name: of its label; file: of the picture, found by graphicx; words: of its caption; wide: over both columns.
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
    """The lines of a float. kind: table or figure, whose caption is below, with a star over both columns."""
    head = [f"\\caption{{{escape(caption)}}}", *([f"\\label{{{mark}}}"] if mark else [])]
    parts = [*body, *head] if kind.startswith("figure") else [*head, *body]
    return [f"\\begin{{{kind}}}[{place}]", f"\\centering{letters}", *parts, f"\\end{{{kind}}}"]


def tabular(columns: str, heads: Sequence[str], body: Sequence[str]) -> list[str]:
    """The lines of a tabular of booktabs that shrinks to its place."""
    begin = [f"{FITTED}{{%", f"\\begin{{tabular}}{{{columns}}}", r"\toprule"]
    return [*begin, *heads, *body, r"\bottomrule", r"\end{tabular}}"]


def fitted_picture(file: str) -> str:
    return f"{FITTED}{{\\includegraphics{{{file}}}}}"


def _titles(table: ResultTable) -> dict[str, tuple[str, str]]:
    """Network -> its label, and the label without what a scale makes of it, where that is still one network's."""
    long = {row.network: row.network_label for row in table.rows}
    short = {network: text.partition(" (")[0] for network, text in long.items()}
    one_each = len(set(short.values())) == len(short)
    return {network: (text, short[network] if one_each else text) for network, text in long.items()}


def _interval(cell: ResultCell, measure: Measure) -> str:
    """'[58.1, 64.2]', with the mean's decimals."""
    value = cell.measured
    interval = summary_interval(value) if value is not None and not measure.exact else None
    if interval is None:
        return BLANK
    possible = measure.possible(interval)
    digits = len(measured_text(cell, measure).split()[0].partition(".")[2])
    return f"[{possible.low:.{digits}f}, {possible.high:.{digits}f}]".replace("-", "\N{MINUS SIGN}")


def _sentence(text: str) -> str:
    """Escapes a sentence for LaTeX and ends it with a stop."""
    return escape(text if text.endswith((".", "!", "?")) else f"{text}.")


def row(cells: Sequence[str]) -> str:
    """A line of a tabular, escaped: an empty first cell would let a bracket pass for an option of the line before."""
    return " & ".join(map(escape, cells)) + r" \\"


def _comment(text: str) -> str:
    """One line that LaTeX does not read."""
    return f"% {''.join(letter if letter.isprintable() else ' ' for letter in text)}"
