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
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.views import journals
from benchmarks.views.evidence import SheetEvidence
from benchmarks.views.journals import Journals
from benchmarks.views.pages import analysis_page, table_page, tuned_page
from benchmarks.views.pages.links import tracking
from benchmarks.views.pages.site_content import AtScale, content
from benchmarks.views.sheets import Sheet, at_scales, every_sheet, made_elsewhere, other_data, whole
from reports import site
from reports.figures.studio import Studio
from reports.site.pages import Page


def report(
    ids: Sequence[str], chosen: Choices, *, out: Path, target: float | None, console: Console, every: bool = False
) -> int:
    """Write OUT/report -> the exit code 0. ids: empty for all that has runs.

    every: of each scale that has runs, instead of the chosen one.

    Raises:
        UserError: there is no such folder.
        ResultsError: nothing can be written, or an analysis' table is broken.
    """
    began = time.perf_counter()
    if not out.is_dir():
        raise UserError(f"There is no folder {out}: run a table first, or name the folder of results with --out.")
    folder, found = out / "report", journals.read(out)
    scales = at_scales(chosen, found, target, every=every)
    made = [_at(one, sheets, found, out, target) for one, sheets in scales]
    pages = dict(_pages(ids, [one for one, _ in made], out, folder))
    sheets = [sheet for one, full in made for sheet in (*one.sheets.values(), *full)]
    others = " ".join(filter(None, (made_elsewhere(sheets), other_data(sheets))))
    whole_site = content(ids, [one for one, _ in made], found, pages, others, tuned_page.runs(out))
    files = site.write(whole_site, folder)
    note(console, whole_site.warnings)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    say(console, f"Written: {files[0]} ({len(pages)} pages, {size:.1f} MB in all, {time.perf_counter() - began:.0f} s)")
    return 0


def _at(
    chosen: Choices, sheets: tuple[Sheet, ...], found: Journals, out: Path, target: float | None
) -> tuple[AtScale, Sequence[Sheet]]:
    """What there is at a scale, and the sheets with all rows that its claims were judged on."""
    full = tuple(every_sheet(whole(chosen), found, target)) if chosen.methods else sheets
    verdicts = judged(SheetEvidence(chosen, out, full))
    return AtScale(chosen, {sheet.table.id: sheet for sheet in sheets}, verdicts), full


def _pages(
    ids: Sequence[str], scales: Sequence[AtScale], out: Path, folder: Path
) -> Iterator[tuple[tuple[str, str], Page]]:
    """The pages of what was run, by scale and id; their pictures are drawn into the folder."""
    store, studio = tracking(), Studio()
    for id in ids or experiments.IDS:
        if id in analyses.IDS:
            if (one := analysis_page.page(id, scales[0].chosen, out, folder)) is not None:
                yield ("", id), one
            continue
        for at in scales:
            if id in at.sheets:
                yield (at.chosen.scale, id), table_page.page(at.sheets[id], store, folder / at.chosen.scale, studio)
    for id in ids or (table.id for table in plan.tables(scales[0].chosen)):
        if (tuned := tuned_page.page(id, out, folder)) is not None:
            yield ("", tuned.id), tuned
    studio.finish()
