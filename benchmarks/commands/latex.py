"""`latex`: writes tables of `run` for a paper, one file each, with chosen columns and rows, and their pictures."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rich.console import Console

from benchmarks import experiments
from benchmarks.analyses import registry as analyses
from benchmarks.commands.choose import one_of
from benchmarks.commands.screen import say
from benchmarks.commands.settings import rows as row_names
from benchmarks.errors import UserError
from benchmarks.tables.own import is_file
from methods.errors import unknown
from reports.figures.canvas import COLUMN
from reports.latex import paper
from reports.latex.paper import PaperColumn, PaperTable
from reports.tables.texts import PARTS
from results.files import replace
from results.reading import MOST_BYTES
from results.reading import content as bytes_of
from results.tables import ResultTable, files

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class PaperChoices:
    """The parts of the tables to show; empty: all. name: of the file and the label, for a single table."""

    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    condition: str = ""
    name: str = ""
    notes: bool = False


def latex(names: Sequence[str], chosen: PaperChoices, *, out: Path, to: Path, console: Console) -> int:
    """Writes a file for every table and condition, and for its picture, into the folder `to` -> the exit code 0.

    Raises:
        UserError: there is no such table, condition, column or row.
        ResultsError: a table cannot be read, or nothing can be written.
    """
    if chosen.name and not NAME.fullmatch(chosen.name):
        raise UserError(f"--name {chosen.name}: letters, digits and hyphens, as of a file and a label.")
    tables = [table for name in names for table in _tables(name, chosen.condition, out)]
    if not tables:
        raise UserError("Name at least one table that was run, such as table3.")
    if chosen.name and len(tables) > 1:
        names_found = ", ".join(f"{table.name} ({table.conditions.slug})" for table in tables)
        raise UserError(
            f"--name {chosen.name} is of one table, and these are {len(tables)}: {names_found}; add --condition."
        )
    for paper_table in [_chosen(table, chosen) for table in tables]:
        written = [to / f"{paper_table.name}.tex", *_picture(paper_table, out, to)]
        replace(written[0], str(paper_table).encode())
        say(console, f"Written: {', '.join(map(str, written))}")
    say(console, "Compile the page twice: the first time \\ref finds no number yet.")
    return 0


def _tables(name: str, condition: str, out: Path) -> Iterator[ResultTable]:
    """Yields the tables of an experiment, under every condition or the named one."""
    id = experiments.own_table(Path(name)).id if is_file(name) else name
    patterns = [f"*/{id}.json", f"{id}.json"]
    if id in analyses.IDS:
        patterns += [f"*/{id}-*.json", f"{id}-*.json"]
    paths = _by_folder(out / "tables", patterns)
    if not paths:
        names_there = sorted({path.stem for path in (out / "tables").glob("**/*.json")})
        if names_there and id not in experiments.IDS:
            raise UserError(unknown("table", name, names_there))
        raise UserError(f"There is no {id} under {out / 'tables'}: `python -m benchmarks run {name}` makes it.")
    for folder in [one_of("condition", condition, list(paths))] if condition else list(paths):
        yield from map(files.read, paths[folder])


def _by_folder(place: Path, patterns: Sequence[str]) -> dict[str, list[Path]]:
    by_folder: dict[str, list[Path]] = {}
    for path in sorted({path for pattern in patterns for path in place.glob(pattern)}):
        by_folder.setdefault("" if path.parent == place else path.parent.name, []).append(path)
    return by_folder


def _chosen(table: ResultTable, chosen: PaperChoices) -> PaperTable:
    whole = paper.of(table)
    shown = whole.table
    if chosen.networks:
        _check("network", chosen.networks, table.networks)
        shown = paper.with_rows(table, [row for row in table.rows if row.network in chosen.networks])
    if chosen.rows:
        names = row_names(chosen.rows)
        _check(f"row of {table.name}", names, dict.fromkeys(row.row for row in table.rows))
        order = {name: place for place, name in enumerate(names)}
        rows_chosen = sorted((row for row in shown.rows if row.row in order), key=lambda row: order[row.row])
        shown = paper.with_rows(
            shown, [row for network in shown.networks for row in rows_chosen if row.network == network]
        )
    columns = tuple(column for text in chosen.columns for column in _columns(shown, text)) or whole.columns
    return PaperTable(shown, columns, chosen.name or whole.name, chosen.notes)


def _columns(table: ResultTable, text: str) -> tuple[PaperColumn, ...]:
    """Parses a column: 'best_accuracy_percent' -> published and measured.

    'best_accuracy_percent.interval' -> that alone.
    """
    keys = [measure.key for measure in table.measures]
    measure, _, part = text.partition(".")
    index = keys.index(one_of(f"column of {table.name}", measure, keys))
    if not part:
        return paper.columns(table, index)
    return (PaperColumn(index, next(name for name in PARTS if name == one_of(f"part of {measure}", part, PARTS))),)


def _check(kind: str, names: Sequence[str], choices: Collection[str]) -> None:
    for name in names:
        one_of(kind, name, list(choices))


def _picture(paper_table: PaperTable, out: Path, to: Path) -> Iterator[Path]:
    """Writes copies of the table's PDFs, and a float for each -> their paths."""
    for path in (out / name for name in paper_table.table.pictures if PurePosixPath(name).suffix == ".pdf"):
        if path.is_file() and path.resolve().is_relative_to(out.resolve()):
            content, name = (
                bytes_of(path, MOST_BYTES),
                f"{paper_table.name}{path.stem.removeprefix(paper_table.table.name)}",
            )
            words = f"{paper_table.table.title}. {paper_table.table.drawn} ({paper_table.table.conditions.label})"
            copy, taken_in = (to / f"{name}-figure.{ending}" for ending in ("pdf", "tex"))
            text = paper.figure(paper_table.table, name, copy.name, words, wide=_wide(content))
            for file, data in ((copy, content), (taken_in, text.encode())):
                replace(file, data)
                yield file


def _wide(pdf: bytes) -> bool:
    """Returns whether a page of the PDF is wider than a column."""
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", pdf)
    return box is not None and float(box[1]) > 72 * COLUMN + 1
