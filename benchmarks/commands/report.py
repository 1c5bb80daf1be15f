"""`report`: the static site under OUT/report, with the same as Markdown and LaTeX."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.views.pages.site_content import pages_of, site_of
from benchmarks.views.shelf import sheets, shelf
from reports import site


def report(ids: Sequence[str], chosen: Choices, *, out: Path, target: float | None, console: Console) -> int:
    """Write OUT/report -> the exit code 0. ids: empty for all that has runs.

    Raises UserError where there is no such folder, ResultsError where nothing can be written or a table was broken.
    """
    began = time.perf_counter()
    if not out.is_dir():
        raise UserError(f"There is no folder {out}: run a table first, or name the folder of results with --out.")
    held = shelf(out)
    found = {sheet.table.id: sheet for sheet in sheets(chosen, held, target)}
    folder = out / "report"
    made = dict(pages_of(ids, chosen, found, out, folder))
    whole = site_of(ids, chosen, held, found, made, out)
    files = site.write(whole, folder)
    for warning in whole.warnings:
        console.print(f"Note: {warning}", highlight=False, markup=False, soft_wrap=True)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    took = f"{len(made)} pages, {size:.1f} MB in all, {time.perf_counter() - began:.0f} s"
    console.print(f"Written: {files[0]} ({took})", highlight=False, markup=False, soft_wrap=True)
    return 0
