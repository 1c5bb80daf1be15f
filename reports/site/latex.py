r"""A report as LaTeX: every page's tables with their verdicts in a file, and report.tex, a document of them all.

For a paper `reports.latex.paper` has what is smaller. A table needs booktabs and graphicx and an encoding of UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports.latex.escape import escape, label
from reports.latex.paper import FITTED
from reports.site.pages import Block, Claims, Grid, Page, Picture, Site


def page(one: Page) -> str:
    """All tables of a page, each a float with its caption and label, and the notes below them."""
    parts = [f"% {escape(one.id)}: needs \\usepackage{{booktabs,graphicx}} and UTF-8 input"]
    parts += [_block(one, block, number) for number, block in enumerate(one.blocks)]
    grids = enumerate((*one.grids, *one.rivals, *one.splits), len(one.blocks))
    parts += [listing(grid, f"tab:{_label(one)}-{number}") for number, grid in grids]
    parts.append(_notes([*one.notes, *(f"Audit: {line}" for line in (*one.audit, *one.published_audit))]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _label(one: Page) -> str:
    return label(one.place.replace("/", "-"))


def claims(all_: Claims) -> str:
    """Claim by condition, then all that is said of them under each."""
    grids = all_.matrix, *(all_.grid(index) for index in range(len(all_.conditions)))
    return "\n\n".join(listing(grid, f"tab:claims-{number}") for number, grid in enumerate(grids)) + "\n"


def _block(one: Page, block: Block, number: int) -> str:
    """Published, measured with the number of runs, interval and verdict under every measure."""
    names = ("published", "measured", "interval", "verdict")
    width = len(names)
    groups = " & ".join(f"\\multicolumn{{{width}}}{{c}}{{{escape(name)}}}" for name in one.measures)
    starts = [2 + width * index for index in range(len(one.measures))]
    rules = "".join(f"\\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts)
    heads = [f" & {groups} \\\\", rules, " & ".join(["Method", *names * len(one.measures)]) + r" \\"]
    rows = []
    for line in block.lines:
        cells = [text for e in line.entries for text in (e.published, e.measured, e.interval, e.light.status)]
        rows.append(_row([line.label, *cells]))
    caption = f"{one.title}. {block.title}. {'; '.join(one.captions)}. Mean ± sample standard deviation (n)."
    columns = "l" + "rrrl" * len(one.measures)
    return _float(caption, f"tab:{_label(one)}-{number}", columns, heads, rows)


def listing(grid: Grid, mark: str) -> str:
    """Any grid as a table; one of long texts has columns that wrap."""
    count = len(grid.headers)
    longest = max((len(cell) for row in grid.rows for cell in row), default=0)
    wraps = longest > 60 and count <= 6
    columns = f"p{{{0.94 / count:.2f}\\textwidth}}" * count if wraps else "l" * grid.heads + "r" * (count - grid.heads)
    if wraps:
        return _long(grid, columns)
    text = _float(grid.caption, mark, columns, [_row(grid.headers)], [_row(row) for row in grid.rows])
    notes = _notes(grid.notes)
    return f"{text}\n\n{notes}" if notes else text


def _float(caption: str, mark: str, columns: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            r"\centering\small",
            f"\\caption{{{escape(caption)}}}",
            f"\\label{{{mark}}}",
            r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%",
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *heads,
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
    )


def _long(grid: Grid, columns: str) -> str:
    """Over several pages; each row a tabular of its own, so that booktabs is enough."""
    lines = [f"\\paragraph{{{escape(grid.caption)}}}", r"\begingroup\footnotesize\setlength{\tabcolsep}{2pt}"]
    lines += [r"\noindent"]
    for number, row in enumerate([grid.headers, *grid.rows]):
        rule = r"\toprule" if number == 0 else r"\midrule"
        lines.append(f"\\begin{{tabular}}[t]{{{columns}}}{rule} {_row(row)}\\end{{tabular}}\\par\\noindent")
    return "\n".join([*lines, r"\endgroup", _notes(grid.notes)]).rstrip()


def _row(cells: Sequence[str]) -> str:
    # An empty first cell would let a bracket in the next one pass for an option of the line before.
    return " & ".join(map(escape, cells)) + r" \\"


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = [f"\\item {escape(note)}" for note in notes]
    return "\n".join([r"{\footnotesize", r"\begin{itemize}", *items, r"\end{itemize}", "}"])


def document(site: Site, folder: Path) -> str:
    """A document that takes in every table, with the pictures; for pdfLaTeX, from the report's folder."""
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
    for paper in site.papers:
        if paper.pages:
            body.append(f"\\section{{{escape(paper.title)}}}")
        for one in paper.pages:
            body += [f"\\subsection{{{escape(one.title)}}}", f"\\input{{{one.place}/table.tex}}"]
            body += [_figure(picture, folder) for picture in one.pictures if picture.stem.is_relative_to(folder)]
            body.append(r"\clearpage")
    if site.claims is not None:
        body += [r"\section{Claims}", r"\input{claims/table.tex}"]
    return "\n".join([*head, *body, r"\end{document}", ""])


def _figure(picture: Picture, folder: Path) -> str:
    name = picture.stem.relative_to(folder).as_posix()
    return "\n".join(
        [
            r"\begin{figure}[htbp]",
            r"\centering",
            f"{FITTED}{{\\includegraphics{{{name}.{'pdf' if picture.for_paper else 'png'}}}}}",
            f"\\caption{{{escape(picture.caption)}}}",
            r"\end{figure}",
        ]
    )
