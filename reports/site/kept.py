"""Stores reports so that a later one adds to them: every page as JSON beside its HTML, and an index.

report/<condition>/<id>/page.json     a Page, of which its HTML, Markdown and LaTeX are made
report/index.json                     ids of all pages asked for, the claims' columns, and the files that reports wrote
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from reports.figures.canvas import ENDINGS
from reports.site.pages import ClaimColumn, Page, Picture
from results.errors import ResultsError
from results.files import own_folder
from results.reading import TEXT_BYTES, parsed_json
from results.records.lines import strict

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1
"""The version of the fields of both files: another meaning or name makes a new number."""
PAGE, INDEX = "page.json", "index.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """The stored parts of earlier reports. asked: ids of the tables and analyses that they were made for.

    files: paths, from the report's folder, that reports wrote and may remove. unreadable: a sentence for every
    file that this version cannot read.
    """

    asked: tuple[str, ...] = ()
    columns: tuple[ClaimColumn, ...] = ()
    files: tuple[str, ...] = ()
    pages: tuple[Page, ...] = ()
    unreadable: tuple[str, ...] = ()


def read(folder: Path) -> Kept:
    """Reads the pages and index of a report's folder; empty where there is no folder."""
    unreadable: list[str] = []
    pages = [page for path in _pages(folder) if (page := _read(Page, path, unreadable)) is not None]
    index = _read(Kept, folder / INDEX, unreadable) if (folder / INDEX).is_file() else None
    placed = tuple(_moved(page, lambda stem: folder / stem) for page in pages)
    return replace(index if index is not None else Kept(), pages=placed, unreadable=tuple(unreadable))


def page_json(page: Page, folder: Path) -> bytes:
    """Returns a page as JSON; pictures are named from the report's folder, so that it can be moved."""
    return _json(Page, _moved(page, lambda stem: stem.relative_to(folder) if stem.is_relative_to(folder) else stem))


def index_json(asked: Collection[str], columns: Collection[ClaimColumn], files: Collection[str]) -> bytes:
    return _json(Kept, Kept(tuple(asked), tuple(columns), tuple(files)))


def picture_files(folder: Path, pages: Iterable[Page]) -> Iterator[Path]:
    """Yields the existing files of the pages' pictures; those of a report lie beside its page."""
    for page in pages:
        stems = [picture.stem for picture in page.pictures if picture.stem.parent == folder / page.place]
        paths = [stem.with_name(f"{stem.name}.{ending}") for stem in stems for ending in ENDINGS]
        yield from (path for path in paths if path.is_file())


def remove(folder: Path, files: Iterable[str]) -> list[Path]:
    """Removes files of earlier reports, and folders that they leave empty -> the folders of pages among them.

    files: paths from the folder. A path that is no file below the folder, or lies behind a link, is left alone.
    """
    removed = []
    for path in filter(None, (_noted(folder, name) for name in sorted(files))):
        path.unlink(missing_ok=True)
        if path.name == "index.html":
            removed.append(path.parent)
        for parent in (path.parent, path.parent.parent):
            if parent.is_relative_to(folder) and parent != folder and not any(parent.iterdir()):
                parent.rmdir()
    return removed


def _noted(folder: Path, name: str) -> Path | None:
    """Returns the path of a regular file below the folder; None for anything else."""
    path = folder / PurePosixPath(name)
    try:
        regular = stat.S_ISREG((own_folder(folder, path.parent) / path.name).lstat().st_mode)
    except (OSError, ResultsError, ValueError):
        return None
    return path if regular else None


def _pages(folder: Path) -> list[Path]:
    return sorted([*folder.glob(f"*/{PAGE}"), *folder.glob(f"*/*/{PAGE}")])


def _moved(page: Page, where: Callable[[Path], Path]) -> Page:
    def placed(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        return tuple(replace(picture, stem=where(picture.stem)) for picture in pictures)

    curves, splits, ages = map(placed, (page.curves, page.split_pictures, page.staleness_pictures))
    return replace(page, curves=curves, split_pictures=splits, staleness_pictures=ages)


def _json(kind: type[Page] | type[Kept], content: Any) -> bytes:
    fields = {"schema": SCHEMA, **_adapters()[kind].dump_python(content, mode="json")}
    return (json.dumps(strict(fields), ensure_ascii=False, allow_nan=False) + "\n").encode()


def _read(kind: type[Page] | type[Kept], path: Path, unreadable: list[str]) -> Any:
    """Reads a file; where it cannot be read, adds a sentence to `unreadable` and returns None."""
    try:
        content = parsed_json(path, TEXT_BYTES)
        if not isinstance(content, dict) or (schema := content.pop("schema", None)) != SCHEMA:
            raise ValueError(f"its schema is {schema!r}, and {SCHEMA} is read")
        stored = _adapters()[kind].validate_python(content)
        if isinstance(stored, Page) and {"", ".", ".."} & {*stored.place.split("/")}:
            raise ValueError(f"its place is {stored.place!r}")
        return stored
    except (OSError, ValueError) as error:  # pydantic's error is a ValueError
        first = str(error).splitlines()[0]
        unreadable.append(f"{path} is of another version, or damaged ({first}), and was left out.")
        return None


@cache
def _adapters() -> dict[type[Any], TypeAdapter[Any]]:
    from pydantic import TypeAdapter

    return {Page: TypeAdapter(Page), Kept: TypeAdapter(Kept)}
