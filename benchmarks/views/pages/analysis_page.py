"""An analysis' page of the report, from the tables that `run` wrote and the pictures that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace as changed
from pathlib import Path

from benchmarks.analyses import registry as analyses
from benchmarks.papers.ambiguities.interpretations import interpretations
from benchmarks.runner.rerun import Command
from reports.figures.canvas import ENDINGS, SCREEN
from reports.site.pages import Grid, Page, Picture
from reports.tables.texts import footer, header, lines
from results.files import own_folder, replace
from results.reading import MOST_BYTES, content
from results.tables import ResultTable, files


def pages(id: str, again: Command, out: Path, folder: Path) -> Iterator[Page]:
    """One for every condition that `run` has written tables of it under.

    again: makes the analysis anew. folder: of the report.

    Raises ResultsError where a table cannot be read or a picture not be written.
    """
    one = analyses.analysis(id)
    for place, tables in files.by_condition(out / "tables", id).items():
        given = tables[0].conditions
        mine = changed(again, names=(id,), scale=given.scale or again.scale)
        caption = f"{one.title} ({one.source})."
        yield Page(
            id=id,
            title=one.title,
            source=one.source,
            grids=tuple(map(grid, tables)),
            curves=drawn(tables, caption, out, own_folder(folder, folder / place / id)),
            readings=tuple(interpretations(id)),
            command=tables[0].command or mine.text(),
            condition=given,
        )


def drawn(tables: Sequence[ResultTable], caption: str, out: Path, place: Path) -> tuple[Picture, ...]:
    """Copies of the tables' pictures beside a page. Raises ResultsError where they cannot be written."""
    words = f"{caption} The tables below hold the numbers."
    return tuple(Picture(stem, caption, words) for stem in _copied(tables, out, place))


def grid(table: ResultTable) -> Grid:
    return Grid(table.title, header(table), tuple(lines(table)), (*table.captions, *footer(table)), heads=2)


def _copied(tables: Sequence[ResultTable], out: Path, place: Path) -> Iterator[Path]:
    """The stems of the pictures beside the page, so that the report can be moved by itself; lost ones are left out."""
    names = [out / name for table in tables for name in table.pictures]
    for stem in dict.fromkeys(path.with_suffix("") for path in names):
        every = [stem.with_name(f"{stem.name}.{ending}") for ending in ENDINGS]
        paths = [path for path in every if path.is_file() and path.resolve().is_relative_to(out.resolve())]
        if len(paths) >= len(SCREEN.files):
            for path in paths:
                replace(place / path.name, content(path, MOST_BYTES))
            yield place / stem.name
