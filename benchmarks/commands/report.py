"""`report`: the static site under OUT/report, with the same as Markdown and LaTeX."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import experiments
from benchmarks.analyses import registry as analyses
from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.papers.claims.catalogue import judged
from benchmarks.runner.choices import Choices
from benchmarks.tables import registry as tables
from benchmarks.views import journals
from benchmarks.views.evidence import SheetEvidence
from benchmarks.views.pages import analysis_page, table_page, tuned_page
from benchmarks.views.pages.links import Tracking, tracking
from benchmarks.views.pages.site_content import Sheets, content
from benchmarks.views.sheets import every_sheet, made_elsewhere, whole
from reports import site
from reports.site.pages import Page


def report(ids: Sequence[str], chosen: Choices, *, out: Path, target: float | None, console: Console) -> int:
    """Write OUT/report -> the exit code 0. ids: empty for all that has runs.

    Raises:
        UserError: there is no such folder.
        ResultsError: nothing can be written, or an analysis' table is broken.
    """
    began = time.perf_counter()
    if not out.is_dir():
        raise UserError(f"There is no folder {out}: run a table first, or name the folder of results with --out.")
    folder, found = out / "report", journals.read(out)
    sheets = {sheet.table.id: sheet for sheet in every_sheet(chosen, found, target)}
    pages = dict(_pages(ids, chosen, sheets, out, folder))
    full = tuple(every_sheet(whole(chosen), found, target) if chosen.methods else sheets.values())
    verdicts = judged(SheetEvidence(chosen, out, full))
    others = made_elsewhere((*sheets.values(), *full))
    made = content(ids, chosen, found, sheets, pages, verdicts, others, tuned_page.runs(out))
    files = site.write(made, folder)
    note(console, made.warnings)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    say(console, f"Written: {files[0]} ({len(pages)} pages, {size:.1f} MB in all, {time.perf_counter() - began:.0f} s)")
    return 0


def _pages(ids: Sequence[str], chosen: Choices, sheets: Sheets, out: Path, folder: Path) -> Iterator[tuple[str, Page]]:
    """The pages of what was run, by their ids; their pictures are drawn into the folder."""
    store = tracking()
    for id in ids or experiments.IDS:
        if (one := _page(id, chosen, sheets, store, out, folder)) is not None:
            yield id, one
    for id in ids or tables.IDS:
        if (tuned := tuned_page.page(id, out, folder)) is not None:
            yield tuned.id, tuned


def _page(id: str, chosen: Choices, sheets: Sheets, store: Tracking, out: Path, folder: Path) -> Page | None:
    if id in analyses.IDS:
        return analysis_page.page(id, chosen, out, folder)
    return table_page.page(sheets[id], store, folder) if id in sheets else None
