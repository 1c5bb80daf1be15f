"""`report`: writes the static site under OUT/report, with the same as Markdown and LaTeX."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from rich.console import Console

from benchmarks import experiments
from benchmarks.analyses import registry as analyses
from benchmarks.commands.every_condition import at_conditions
from benchmarks.commands.screen import note, say
from benchmarks.commands.site_content import column, content
from benchmarks.errors import UserError
from benchmarks.papers.claims.catalogue import judged
from benchmarks.runner.choices import Choices
from benchmarks.runner.rerun import command
from benchmarks.runner.resolve import tables
from benchmarks.views import journals
from benchmarks.views.conditions import AtCondition
from benchmarks.views.evidence import RunsEvidence
from benchmarks.views.journals import Journals
from benchmarks.views.pages import analysis_page, freshness, table_page
from benchmarks.views.pages.links import tracking
from benchmarks.views.table_runs import made_elsewhere, not_shown, other_data
from benchmarks.views.tuning.tuned import name_of
from reports import site
from reports.figures.queue import FigureQueue
from reports.site import kept
from reports.site.kept import Kept
from reports.site.pages import Page, Site
from results.files import own_folder


def report(
    ids: Sequence[str],
    chosen: Choices,
    *,
    out: Path,
    console: Console,
    every: Set[str] = frozenset(),
) -> int:
    """Writes OUT/report, or adds to it -> the exit code 0. ids: empty for all that has runs.

    Pages of earlier reports stay, but for those whose runs are gone; what is not up to date says so.

    Args:
        ids: tables and analyses whose pages are made anew.
        chosen: under which condition.
        out: folder of results.
        console: where to say what was written.
        every: what was left open (every_condition.EVERYTHING): each that has runs.

    Raises:
        UserError: there is no such folder.
        ResultsError: nothing can be written, or an analysis' table is broken.
    """
    began = time.perf_counter()
    if not out.is_dir():
        raise UserError(f"There is no folder {out}: run a table first, or name the folder of results with --out.")
    folder, runs = own_folder(out, out / "report"), journals.read(out)
    before = kept.read(folder)
    new_site = _site(ids, chosen, runs, before, out, every)
    files, removed = site.write(new_site, folder, before.files)
    note(console, (*before.unreadable, *new_site.warnings))
    if removed:
        say(console, f"Removed {len(removed)} pages of earlier reports whose runs are gone, or that had another place.")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    page_count, seconds = len(list(new_site.pages)), time.perf_counter() - began
    pages = f"{page_count} {'page' if page_count == 1 else 'pages'}"
    say(console, f"Written: {files[0]} ({pages}, {size:.1f} MB in all, {seconds:.0f} s)")
    return 0


def _site(
    ids: Sequence[str],
    chosen: Choices,
    runs: Journals,
    before: Kept,
    out: Path,
    every: Set[str],
) -> Site:
    """Makes the site's pages, or keeps earlier ones; draws pictures into the folder of the report."""
    folder = out / "report"
    at_each = at_conditions(chosen, runs, every=every, out=out)
    ids_shown = [id for id in experiments.IDS if not ids or id in ids or id in before.asked]
    pages = [*_tables(ids, at_each, runs, folder), *_others(ids, before, chosen, out, folder)]
    pages += freshness.kept(before.pages, {page.place for page in pages}, runs)
    columns = [
        column(at_condition, judged(RunsEvidence(at_condition.condition, out, at_condition.full)), runs)
        for at_condition in at_each
    ]
    columns += freshness.kept(before.columns, {at_condition.condition.slug for at_condition in columns}, runs)
    return content(ids_shown, columns, pages, _warnings(runs, at_each, pages, out))


def _warnings(runs: Journals, at_each: Sequence[AtCondition], pages: Sequence[Page], out: Path) -> Iterator[str]:
    """Yields sentences on what is amiss with the runs at hand."""
    shown = {id for page in pages for id in freshness.runs(page.made_of)} | analysis_page.tuned_runs(out)
    yield from runs.remarks
    yield from not_shown(runs, [table_runs for at_condition in at_each for table_runs in at_condition.shown], shown)
    shown_tables = [table_runs for at_condition in at_each for table_runs in (*at_condition.shown, *at_condition.full)]
    yield from filter(None, (made_elsewhere(shown_tables), other_data(shown_tables)))


def _tables(ids: Sequence[str], at_each: Sequence[AtCondition], runs: Journals, folder: Path) -> list[Page]:
    """Returns the pages of tables that were run; draws their pictures into the folder."""
    store, queue = tracking(), FigureQueue(folder)
    shown_tables = [
        table_runs
        for at_condition in at_each
        for table_runs in at_condition.shown
        if not ids or table_runs.table.id in ids
    ]
    pages = [table_page.page(table_runs, runs, store, folder, queue) for table_runs in shown_tables]
    queue.finish()
    return pages


def _others(ids: Sequence[str], before: Kept, chosen: Choices, out: Path, folder: Path) -> Iterator[Page]:
    """Yields the pages of analyses and tuned tables, which are made from table files alone.

    Those of earlier reports too.
    """
    known_ids = {page.id for page in before.pages}
    for id in analyses.IDS:
        if not ids or id in ids or id in known_ids:
            yield from analysis_page.pages(id, command([id], chosen), out, folder)
    for id in (table.id for table in tables(chosen)):
        if not ids or id in ids or name_of(id) in known_ids:
            yield from analysis_page.tuned_pages(id, out, folder)
