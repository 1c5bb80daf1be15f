"""Pages of analyses and of tuned tables, from the tables that `run` and `tune` wrote, and the pictures they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace as changed
from pathlib import Path

from benchmarks.analyses import registry as analyses
from benchmarks.papers.ambiguities.interpretations import interpretations
from benchmarks.runner.rerun import Command
from benchmarks.views.tuning.tuned import FOLDER, name_of, runs_name
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


def tuned_pages(id: str, out: Path, folder: Path) -> Iterator[Page]:
    """Pages of a tuned table, one for every condition that it was tuned under. folder: of the report.

    Raises as `pages`.
    """
    for place, tables in files.by_condition(out / FOLDER, name_of(id)).items():
        rows = tables[0]
        caption = f"{rows.title}: the best value of every trial over its learning rate."
        yield Page(
            id=rows.name,
            title=rows.title,
            source=rows.source,
            grids=tuple(map(grid, tables)),
            curves=drawn(tables, caption, out, own_folder(folder, folder / place / rows.name)),
            command=rows.command,
            condition=rows.conditions,
        )


def tuned_runs(out: Path) -> frozenset[str]:
    """The ids of all runs that such pages show. Raises ResultsError where a table cannot be read."""
    paths = sorted((out / FOLDER).glob(f"**/{runs_name('*')}.json"))
    return frozenset(row.row for path in paths for row in files.read(path).rows)


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
