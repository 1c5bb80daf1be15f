"""The report on disk: a static site, the same as Markdown beside it, and a LaTeX table per page.

    report/index.html, report.md, report.tex, style.css, index.json, claims/...
    report/<condition>/<id>/index.html, report.md, table.tex, page.json and pictures
    report/side-by-side/<id>/index.html, report.md of a table that has a page under several conditions

No page needs a network or a script. Jinja2 escapes all that it writes into HTML; Markdown and LaTeX have escapes of
their own in `reports.tables.texts` and `reports.site.latex`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.site import kept, latex, pages
from reports.site.beside import Beside, besides
from reports.site.pages import Page, Picture, Site
from reports.tables.files import rows
from reports.tables.texts import markdown, printable
from results.files import own_folder, replace
from results.reading import MOST_BYTES, opened

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parents[1] / "templates"
_NAMES = {"html": "index.html", "md": "report.md"}


def write(site: Site, folder: Path, before: Collection[str] = ()) -> tuple[list[Path], list[Path]]:
    """Write the whole site into the folder -> all files written, the index first, and folders of pages removed.

    Pictures must be there already. before: files that earlier reports wrote; those that this one has not are removed.

    Raises:
        ResultsError: the folder cannot be written, the disk is full, or a folder below it is a link.
    """
    beside = {one.id: one for one in besides(site)}
    files = {folder / _NAMES[kind]: render(f"index.{kind}.j2", folder, site=site, beside=beside) for kind in _NAMES}
    files[folder / "style.css"] = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    for page in site.pages:
        files |= _page(site, page, folder, beside.get(page.id))
    for one in beside.values():
        place = folder / one.place
        for kind, name in _NAMES.items():
            files[place / name] = render(f"beside.{kind}.j2", folder, place, site=site, beside=one)
    if site.claims is not None:
        place = folder / "claims"
        for kind, name in _NAMES.items():
            files[place / name] = render(f"claims.{kind}.j2", folder, place, site=site)
        files[place / "table.tex"] = latex.claims(site.claims)
    files[folder / "report.tex"] = latex.document(site, folder)
    for path in files:
        own_folder(folder, path.parent)
    for path, text in files.items():
        replace(path, text.encode())
    noted = {path.relative_to(folder).as_posix() for path in (*files, *kept.picture_files(folder, site.pages))}
    gone = kept.remove(folder, {*before} - noted)
    replace(folder / kept.INDEX, kept.index_json(site.asked, site.columns, sorted(noted)))
    return list(files), gone


def _page(site: Site, page: Page, folder: Path, beside: Beside | None) -> dict[Path, str]:
    place = folder / page.place
    given = {"site": site, "page": page, "beside": beside}
    made = {place / name: render(f"page.{kind}.j2", folder, place, **given) for kind, name in _NAMES.items()}
    return {**made, place / "table.tex": latex.page(page), place / kept.PAGE: kept.page_json(page, folder).decode()}


def render(template: str, folder: Path, place: Path | None = None, **values: Any) -> str:
    """Returns a page. folder: of the report; place: of the page, if that is another."""
    at = place or folder
    found = _environment(template.split(".")[1]).get_template(template)
    return found.render(place=at, root="../" * len(at.relative_to(folder).parts), **values)


@cache
def _environment(kind: str) -> Environment:
    """kind: "html", which escapes whatever it is given, or "md", whose templates do so by a filter."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=kind == "html",
        finalize=_one_line if kind == "html" else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"md": markdown, "slug": pages.slug, "relative": relative, "line": printable}
    made.globals |= {"again": pages.again, "legend": pages.legend, "size": size, "rows": rows}
    return made


def _one_line(value: object) -> object:
    """Text without control characters; markup, which macros give, as it is."""
    return printable(value) if type(value) is str else value


def relative(path: Path, place: Path) -> str:
    """The address of a file from the page in that folder."""
    from urllib.parse import quote

    return quote(os.path.relpath(path, place).replace(os.sep, "/"))


def size(picture: Picture) -> tuple[int, int] | None:
    """Width and height in pixels of the PNG; None if it is not there, or is none."""
    from PIL import Image

    try:
        with (
            opened(picture.stem.with_name(f"{picture.name}.png"), MOST_BYTES) as file,
            Image.open(file, formats=["PNG"]) as image,
        ):
            return image.size
    except OSError:
        return None
