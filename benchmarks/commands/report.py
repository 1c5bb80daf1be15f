"""`report`: the static site under OUT/report, with the same as Markdown and LaTeX."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.views.pages.site_content import content
from reports import site


def report(ids: Sequence[str], chosen: Choices, *, out: Path, target: float | None, console: Console) -> int:
    """Write OUT/report -> the exit code 0. ids: empty for all that has runs.

    Raises:
        UserError: there is no such folder.
        ResultsError: nothing can be written, or an analysis' table is broken.
    """
    began = time.perf_counter()
    if not out.is_dir():
        raise UserError(f"There is no folder {out}: run a table first, or name the folder of results with --out.")
    folder = out / "report"
    whole = content(ids, chosen, out, folder, target)
    files = site.write(whole, folder)
    note(console, whole.warnings)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    pages = len(list(whole.pages))
    say(console, f"Written: {files[0]} ({pages} pages, {size:.1f} MB in all, {time.perf_counter() - began:.0f} s)")
    return 0
