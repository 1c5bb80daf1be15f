r"""Writes a report as LaTeX: a file with the tables and verdicts of each page, and report.tex with all of them.

`reports.latex.paper` makes the smaller tables of a paper. A table needs booktabs, graphicx and UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reports.latex import paper
from reports.latex.escape import escape, label
from reports.site.pages import Claims, Grid, Page, Picture, Site


def page(report_page: Page) -> str:
    """Returns all tables of a page, each a float with its caption and label, and the notes below them."""
    captions = "; ".join(report_page.captions)
    measured = [
        replace(
            grid,
            caption=f"{report_page.title}. {grid.caption}. {captions}. ± is the sample standard deviation over runs.",
        )
        for block in report_page.blocks
        for grid in report_page.measured(block)
    ]
    grids = enumerate((*measured, *report_page.grids, *report_page.rivals, *report_page.splits))
    parts = [f"% {escape(report_page.id)}: needs \\usepackage{{booktabs,graphicx}} and UTF-8 input"]
    parts += [_listing(grid, f"tab:{label(report_page.place.replace('/', '-'))}-{number}") for number, grid in grids]
    parts.append(
        _notes([*report_page.notes, *(f"Audit: {line}" for line in (*report_page.audit, *report_page.published_audit))])
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def claims(all_: Claims) -> str:
    """Returns a table of verdicts by claim and condition, then the details under each condition."""
    grids = all_.matrix, *(all_.grid(index) for index in range(len(all_.conditions)))
    return "\n\n".join(_listing(grid, f"tab:claims-{number}") for number, grid in enumerate(grids)) + "\n"


def _listing(grid: Grid, mark: str) -> str:
    """Returns a table with its notes; long texts wrap, over several pages if need be."""
    count = len(grid.headers)
    longest = max((len(cell) for row in grid.rows for cell in row), default=0)
    if longest > 60 and count <= 6:
        # Each row is a tabular of its own, so that booktabs is enough.
        lines = [f"\\paragraph{{{escape(grid.caption)}}}", r"\begingroup\footnotesize\setlength{\tabcolsep}{2pt}"]
        lines.append(r"\noindent")
        columns = f"p{{{0.94 / count:.2f}\\textwidth}}" * count
        for number, row in enumerate([grid.headers, *grid.rows]):
            rule = r"\midrule" if number else r"\toprule"
            lines.append(f"\\begin{{tabular}}[t]{{{columns}}}{rule} {paper.row(row)}\\end{{tabular}}\\par\\noindent")
        return "\n".join([*lines, r"\endgroup", _notes(grid.notes)]).rstrip()
    columns = "l" * grid.heads + "r" * (count - grid.heads)
    body = [r"\midrule", *map(paper.row, grid.rows)]
    table = paper.tabular(columns, [paper.row(grid.headers)], body)
    text = paper.floating("table", grid.caption, mark, table, letters=r"\small", place="htbp")
    return "\n\n".join(filter(None, ("\n".join(text), _notes(grid.notes))))


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = [f"\\item {escape(note)}" for note in notes]
    return "\n".join([r"{\footnotesize", r"\begin{itemize}", *items, r"\end{itemize}", "}"])


def document(site: Site, folder: Path) -> str:
    """Returns a document with every table and picture; for pdfLaTeX, in the report's folder."""
    head = [
        r"\documentclass[a4paper]{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{textcomp,booktabs,graphicx}",
        r"\usepackage[margin=2cm]{geometry}",
        r"\setcounter{totalnumber}{10}",
        f"\\title{{{escape(site.title)}}}",
        r"\date{}",
        r"\begin{document}",
        r"\maketitle",
        _notes([*(f"{name}: {value}" for name, value in site.facts), *site.warnings]),
    ]
    body = []
    for part in site.papers:
        if part.pages:
            body.append(f"\\section{{{escape(part.title)}}}")
        for report_page in part.pages:
            body += [f"\\subsection{{{escape(report_page.title)}}}", f"\\input{{{report_page.place}/table.tex}}"]
            body += [
                _figure(picture, folder) for picture in report_page.pictures if picture.stem.is_relative_to(folder)
            ]
            body.append(r"\clearpage")
    if site.claims is not None:
        body += [r"\section{Claims}", r"\input{claims/table.tex}"]
    return "\n".join([*head, *body, r"\end{document}", ""])


def _figure(picture: Picture, folder: Path) -> str:
    name = picture.stem.relative_to(folder).as_posix()
    file = f"{name}.{'pdf' if picture.for_paper else 'png'}"
    return "\n".join(paper.floating("figure", picture.caption, "", [paper.fitted_picture(file)], place="htbp"))
