"""Pages of analyses and of tuned tables, from the tables that `run` and `tune` wrote, and their pictures."""

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
    """Yields a page of an analysis for every condition that `run` has written tables of it under.

    again: makes the analysis anew. folder: of the report.

    Raises ResultsError where a table cannot be read or a picture not be written.
    """
    analysis = analyses.analysis(id)
    for place, tables in files.by_condition(out / "tables", id).items():
        command = changed(again, names=(id,), scale=tables[0].conditions.scale or again.scale)
        page = Page(
            id,
            analysis.title,
            analysis.source,
            readings=tuple(interpretations(id)),
            command=tables[0].command or command.text(),
        )
        yield _filled(page, tables, f"{analysis.title} ({analysis.source}).", out, folder, place)


def tuned_pages(id: str, out: Path, folder: Path) -> Iterator[Page]:
    """Yields a page of a tuned table for every condition that it was tuned under. Raises as `pages`."""
    for place, tables in files.by_condition(out / FOLDER, name_of(id)).items():
        rows = tables[0]
        page = Page(rows.name, rows.title, rows.source, command=rows.command)
        caption = f"{rows.title}: the best value of every trial over its learning rate."
        yield _filled(page, tables, caption, out, folder, place)


def tuned_runs(out: Path) -> frozenset[str]:
    """The ids of all runs that such pages show. Raises ResultsError where a table cannot be read."""
    paths = sorted((out / FOLDER).glob(f"**/{runs_name('*')}.json"))
    return frozenset(row.row for path in paths for row in files.read(path).rows)


def _filled(page: Page, tables: Sequence[ResultTable], caption: str, out: Path, folder: Path, place: str) -> Page:
    """Adds the tables to a page, and copies their pictures beside it, so that the report can be moved.

    Raises ResultsError where a picture cannot be written.
    """
    pictures, copies = [], own_folder(folder, folder / place / page.id)
    names = [out / name for table in tables for name in table.pictures]
    for stem in dict.fromkeys(path.with_suffix("") for path in names):
        every = [stem.with_name(f"{stem.name}.{ending}") for ending in ENDINGS]
        paths = [path for path in every if path.is_file() and path.resolve().is_relative_to(out.resolve())]
        if len(paths) >= len(SCREEN.files):
            for path in paths:
                replace(copies / path.name, content(path, MOST_BYTES))
            pictures.append(Picture(copies / stem.name, caption, f"{caption} The tables below hold the numbers."))
    grids = tuple(
        Grid(table.title, header(table), tuple(lines(table)), (*table.captions, *footer(table)), heads=2)
        for table in tables
    )
    return changed(page, grids=grids, curves=tuple(pictures), condition=tables[0].conditions)
