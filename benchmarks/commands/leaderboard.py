"""`leaderboard`: verifies and ranks bundles of `submit` without executing their code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.commands.choose import check_out
from benchmarks.commands.screen import say
from benchmarks.views.submissions import board, pages
from reports.tables.texts import printable
from results.files import own_folder

SHOWN = 6
"""Columns on the screen."""


def leaderboard(
    folder: Path, out: Path, to: Path | None, console: Console, *, retrained: bool = False, data: Path | None = None
) -> int:
    """Writes the leaderboard of a folder's bundles -> the exit code: 0, or 1 if one is refused, or not confirmed.

    Raises UserError where the folder has none, ResultsError where nothing can be written.
    """
    ranked = board.leaderboard(folder)
    check_out(out)
    for ranking in ranked.rankings:
        page = pages.table_of(ranking)
        table = Table(*page.headers[:SHOWN], title=page.caption, title_justify="left", box=None)
        for row in page.rows:
            table.add_row(*map(printable, row[:SHOWN]))
        console.print(table, markup=False)
    for name, why in ranked.refused:
        say(console, f"Refused: {name}: {why}", "yellow")
    written = pages.write_all(ranked, to or own_folder(out, out / "leaderboard"))
    say(console, f"Written: {written[0]}, {written[1].name}, {written[3].name}", "dim")
    codes = [_retrain(path, out, data) for path in ranked.paths.values()] if retrained else []
    return 1 if ranked.refused or any(codes) else 0


def _retrain(path: Path, out: Path, data: Path | None) -> int:
    """Retrains a bundle in a process of its own, and says so -> its exit code."""
    command = [sys.executable, "-m", "benchmarks", "retrain", str(path), "--out", str(out)]
    print(f"In a process of its own, which executes code of {path.name}: {' '.join(command[1:])}", flush=True)
    return subprocess.run([*command, *(["--data", str(data)] if data is not None else [])], check=False).returncode
