"""An analysis' page of the report, from the tables and pictures that `run` wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.analyses import registry as analyses
from benchmarks.papers.claims import written
from benchmarks.papers.open_points import readings
from benchmarks.runner.choices import Choices
from benchmarks.views.rerun import command
from reports.site.pages import Grid, Page, Picture
from reports.tables.texts import cell_texts, headings
from results.errors import ResultsError
from results.files import replace
from results.tables import ResultTable

_ESCAPED = re.compile(r"\\(.)")
_BARS = re.compile(r"(?<!\\)\|")


def page(id: str, chosen: Choices, out: Path, folder: Path) -> Page | None:
    """None where `run` has written no table of it. folder: of the report, which gets copies of the pictures.

    Raises ResultsError where a table cannot be read or a picture not be written.
    """
    one = analyses.analysis(id)
    grids = tuple(_grid(out / "tables" / f"{table.name}.md") or _plain(table) for table in _tables(id, out))
    if not grids:
        return None
    caption = f"{one.title} ({one.source})."
    stem = _copied(out / "figures" / id, folder / id / "picture")
    drawn = (Picture(stem, caption, f"{caption} The tables below hold the numbers."),) if stem is not None else ()
    return Page(
        id=id,
        title=one.title,
        source=one.source,
        grids=grids,
        curves=drawn,
        readings=tuple(readings.readings(id)),
        command=command([id], chosen),
    )


def _tables(id: str, out: Path) -> Sequence[ResultTable]:
    try:
        return written.tables(out / "tables", id)
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        path = out / "tables" / f"{id}.csv"
        raise ResultsError(f"{path} is no table of {id} ({error}); write it anew with `run {id}`.") from error


def _copied(old: Path, new: Path) -> Path | None:
    """Both files of a picture, so that the report can be moved by itself; None where they are not there."""
    pairs = [(old.with_name(f"{old.name}.{kind}"), new.with_name(f"{new.name}.{kind}")) for kind in ("png", "svg")]
    if not all(there.is_file() for there, _ in pairs):
        return None
    for there, place in pairs:
        replace(place, there.read_bytes())
    return new


def _grid(path: Path) -> Grid | None:
    """The table as `reports.tables.render.to_markdown` wrote it, with headings and digits; None if it is not there."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [tuple(_cells(line)) for line in lines if line.startswith("|")]
    words = [_literal(line) for line in lines if line and not line.startswith(("|", "- ", "# "))]
    title = next((_literal(line[2:]) for line in lines if line.startswith("# ")), path.stem)
    if len(rows) < 3 or any(len(row) != len(rows[0]) for row in rows):
        return None
    notes = (*words[1:], *(_literal(line[2:]) for line in lines if line.startswith("- ")))
    return Grid(title, rows[0], tuple(rows[2:]), notes, heads=2)


def _cells(line: str) -> list[str]:
    return [_literal(cell.strip()) for cell in _BARS.split(line.strip())[1:-1]]


def _literal(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _plain(table: ResultTable) -> Grid:
    """From the CSV alone: without the units of the headings."""
    indices = range(len(table.measures))
    headers = [f"{table.measures[index].heading}, {name}" for index in indices for name in headings(table, index)]
    rows = tuple(
        (row.network_label, row.method_label, *(text for index in indices for text in cell_texts(table, row, index)))
        for row in table.rows
    )
    return Grid(table.title, (table.group, table.item, *headers), rows, heads=2)
