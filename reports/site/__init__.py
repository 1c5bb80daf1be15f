"""Writes the report: a static site, the same as Markdown beside it, and a LaTeX table per page.

    report/index.html, report.md, report.tex, style.css, index.json, claims/...
    report/<condition>/<id>/index.html, report.md, table.tex, page.json and pictures
    report/side-by-side/<id>/index.html, report.md of a table that has a page under several conditions

No page needs a network or a script. Jinja2 escapes all that it writes into HTML; Markdown and LaTeX have escapes of
their own in `reports.tables.texts` and `reports.site.latex`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.site import kept, latex
from reports.site.beside import besides
from reports.site.pages import Picture, Site, again, legend, slug
from reports.tables.files import rows
from reports.tables.texts import markdown, printable
from results.files import own_folder, replace
from results.reading import MOST_BYTES, opened

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parents[1] / "templates"
_NAMES = {"html": "index.html", "md": "report.md"}


def write(site: Site, folder: Path, before: Collection[str] = ()) -> tuple[list[Path], list[Path]]:
    """Writes the whole site into the folder -> all files written, the index first, and folders of pages removed.

    Pictures must exist already. before: files that earlier reports wrote; those that are not written now are removed.

    Raises:
        ResultsError: the folder cannot be written, the disk is full, or a folder below it is a link.
    """
    beside = {pages.first.id: pages for pages in besides(site)}
    files = _rendered("index", folder, folder, site=site, beside=beside)
    files[folder / "style.css"] = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    for page in site.pages:
        place = folder / page.place
        files |= _rendered("page", folder, place, site=site, page=page, beside=beside.get(page.id))
        files[place / "table.tex"] = latex.page(page)
        files[place / kept.PAGE] = kept.page_json(page, folder).decode()
    for pages in beside.values():
        files |= _rendered("beside", folder, folder / pages.place, site=site, beside=pages)
    if site.claims is not None:
        files |= _rendered("claims", folder, folder / "claims", site=site)
        files[folder / "claims" / "table.tex"] = latex.claims(site.claims)
    files[folder / "report.tex"] = latex.document(site, folder)
    for path in files:
        own_folder(folder, path.parent)
    for path, text in files.items():
        replace(path, text.encode())
    written = {path.relative_to(folder).as_posix() for path in (*files, *kept.picture_files(folder, site.pages))}
    removed = kept.remove(folder, {*before} - written)
    replace(folder / kept.INDEX, kept.index_json(site.asked, site.columns, sorted(written)))
    return list(files), removed


def _rendered(template: str, folder: Path, place: Path, **values: Any) -> dict[Path, str]:
    """Returns a page as HTML and as Markdown, by their paths."""
    return {place / name: render(template, kind, folder, place, **values) for kind, name in _NAMES.items()}


def render(template: str, kind: str, folder: Path, place: Path, **values: Any) -> str:
    """Returns a page. kind: "html" or "md". folder: of the report. place: of the page."""
    names = [f"{template}.j2", f"{template}.{kind}.j2"]  # one for both kinds, or one for each
    root = "../" * len(place.relative_to(folder).parts)
    text = _environment(kind).select_template(names).render(place=place, root=root, **values)
    return text if kind == "html" else re.sub(r"\n{3,}", "\n\n", text).lstrip("\n")


@cache
def _environment(kind: str) -> Environment:
    """Returns the templates of a kind: "html" escapes all values, in "md" the templates do so by a filter."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=kind == "html",
        finalize=_one_line if kind == "html" else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": markdown, "slug": slug, "relative": relative, "line": printable}
    environment.globals |= {"again": again, "legend": legend, "size": size, "rows": rows, "kind": kind}
    return environment


def _one_line(value: object) -> object:
    """Removes control characters from text, and leaves the markup of macros as it is."""
    return printable(value) if type(value) is str else value


def relative(path: Path, place: Path) -> str:
    """Returns the address of a file from the page in a folder."""
    from urllib.parse import quote

    return quote(os.path.relpath(path, place).replace(os.sep, "/"))


def size(picture: Picture) -> tuple[int, int] | None:
    """Returns width and height of the PNG in pixels; None where it is missing or no PNG."""
    from PIL import Image

    try:
        with (
            opened(picture.stem.with_name(f"{picture.name}.png"), MOST_BYTES) as file,
            Image.open(file, formats=["PNG"]) as image,
        ):
            return image.size
    except OSError:
        return None
