"""What earlier reports hold, so that a later one adds to it: every page as JSON beside its HTML, and an index.

report/<condition>/<id>/page.json     a Page, of which its HTML, Markdown and LaTeX are made
report/index.json                     what was ever asked for, and the claims' columns
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.figures.canvas import ENDINGS
from reports.site.beside import besides
from reports.site.pages import ClaimColumn, Page, Picture, Site
from results.records.lines import strict

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1
"""The version of the fields of both files: another meaning or name makes a new number."""
PAGE, INDEX = "page.json", "index.json"
FILES = ("index.html", "report.md", "table.tex", PAGE)
"""What lies in a page's folder, beside its pictures."""


@dataclass(frozen=True, slots=True)
class Kept:
    """asked: ids of tables and analyses. unreadable: a sentence for every file that this version cannot read."""

    asked: tuple[str, ...] = ()
    columns: tuple[ClaimColumn, ...] = ()
    pages: tuple[Page, ...] = ()
    unreadable: tuple[str, ...] = ()


def read(folder: Path) -> Kept:
    """What lies in a report's folder; nothing where there is none."""
    unreadable: list[str] = []
    pages = [page for path in _pages(folder) if (page := _read(Page, path, unreadable)) is not None]
    index = _read(Kept, folder / INDEX, unreadable) if (folder / INDEX).is_file() else None
    columns = index.columns if index is not None else ()
    placed = tuple(_moved(page, lambda stem: folder / stem) for page in pages)
    return Kept(index.asked if index is not None else (), columns, placed, tuple(unreadable))


def page_json(page: Page, folder: Path) -> bytes:
    """folder: of the report, from which its pictures are named, so that it can be moved."""

    def inside(stem: Path) -> Path:
        return stem.relative_to(folder) if stem.is_relative_to(folder) else stem

    return _json(Page, _moved(page, inside))


def index_json(asked: Collection[str], columns: Collection[ClaimColumn]) -> bytes:
    return _json(Kept, Kept(tuple(asked), tuple(columns)))


def swept(folder: Path, site: Site) -> list[Path]:
    """Remove pages that the site has not, and pictures that its pages no longer show -> the folders of the pages.

    Nothing else is touched: a page's folder is one that holds both index.html and report.md.
    """
    shown = {folder / page.place: {picture.name for picture in page.pictures} for page in site.pages}
    shown |= {folder / one.place: set() for one in besides(site)}
    gone = []
    for place in _places(folder):
        pictures = [path for path in place.iterdir() if path.suffix[1:] in ENDINGS]
        _unlink(path for path in pictures if path.stem not in shown.get(place, ()))
        if place not in shown:
            _unlink(place / name for name in FILES)
            gone.append(place)
            for empty in (place, place.parent):
                if empty != folder and not any(empty.iterdir()):
                    empty.rmdir()
    return gone


def _places(folder: Path) -> list[Path]:
    """Folders of pages, but for that of the claims: <condition>/<id>, and <id> of what has no condition."""
    found = {path.parent for pattern in ("*/*", "*") for path in folder.glob(f"{pattern}/index.html")}
    return [place for place in sorted(found) if (place / "report.md").is_file() and place != folder / "claims"]


def _pages(folder: Path) -> list[Path]:
    return sorted([*folder.glob(f"*/{PAGE}"), *folder.glob(f"*/*/{PAGE}")])


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _moved(page: Page, where: Callable[[Path], Path]) -> Page:
    def placed(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        return tuple(replace(picture, stem=where(picture.stem)) for picture in pictures)

    curves, splits, ages = map(placed, (page.curves, page.split_pictures, page.staleness_pictures))
    return replace(page, curves=curves, split_pictures=splits, staleness_pictures=ages)


def _json(kind: type[Page] | type[Kept], content: Any) -> bytes:
    said = {"schema": SCHEMA, **_adapter(kind).dump_python(content, mode="json")}
    return (json.dumps(strict(said), ensure_ascii=False, allow_nan=False) + "\n").encode()


def _read(kind: type[Page] | type[Kept], path: Path, unreadable: list[str]) -> Any:
    """None, and a sentence, where it cannot be read: `report` makes it anew."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or (schema := content.pop("schema", None)) != SCHEMA:
            raise ValueError(f"its schema is {schema!r}, and {SCHEMA} is read")
        return _adapter(kind).validate_python(content)
    except (OSError, ValueError, RecursionError) as error:  # pydantic's error is a ValueError
        first = str(error).splitlines()[0]
        unreadable.append(f"{path} is of another version, or damaged ({first}), and was left out.")
        return None


def _adapter(kind: type[Page] | type[Kept]) -> TypeAdapter[Any]:
    return _adapters()[kind]


@cache
def _adapters() -> dict[type[Any], TypeAdapter[Any]]:
    from pydantic import TypeAdapter

    return {Page: TypeAdapter(Page), Kept: TypeAdapter(Kept)}
