"""The report on disk: a static site, the same as Markdown beside it, and a LaTeX table per page.

    report/index.html, report.md, report.tex, style.css, claims/...
    report/<scale>/<id>/index.html, report.md, table.tex and pictures; report/<id>/... of what has no scale

No page needs a network or a script. Jinja2 escapes all that it writes into HTML; Markdown and LaTeX have escapes of
their own in `reports.tables.texts` and `reports.site.latex`.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.site import latex, pages
from reports.site.pages import Picture, Site
from reports.tables.texts import markdown, printable
from results.files import replace

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parents[1] / "templates"
_NAMES = {"html": "index.html", "md": "report.md"}


def write(site: Site, folder: Path) -> list[Path]:
    """Write the whole site into the folder; gives all files written, the index first. Pictures must be there already.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    files = {folder / _NAMES[kind]: _render(f"index.{kind}.j2", folder, site=site, root="") for kind in _NAMES}
    files[folder / "style.css"] = _text("style.css")
    for page in site.pages:
        place = folder / page.place
        for kind, name in _NAMES.items():
            files[place / name] = _render(f"page.{kind}.j2", place, site=site, page=page, root=_root(folder, place))
        files[place / "table.tex"] = latex.page(page)
    if site.claims is not None:
        for kind, name in _NAMES.items():
            files[folder / "claims" / name] = _render(f"claims.{kind}.j2", folder / "claims", site=site, root="../")
        files[folder / "claims" / "table.tex"] = latex.claims(site.claims)
    files[folder / "report.tex"] = latex.document(site, folder)
    for path, text in files.items():
        replace(path, text.encode())
    return list(files)


def _render(template: str, place: Path, **values: Any) -> str:
    return _environment(template.split(".")[1]).get_template(template).render(place=place, **values)


def _root(folder: Path, place: Path) -> str:
    """The way from a page's folder to the report's."""
    return "../" * len(place.relative_to(folder).parts)


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


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
    made.globals |= {"legend": pages.legend, "size": size}
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
        with Image.open(picture.stem.with_name(f"{picture.name}.png"), formats=["PNG"]) as image:
            return image.size
    except OSError:
        return None
