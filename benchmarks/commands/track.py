"""`track`: feeds the journals of a folder to MLflow."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from benchmarks.commands.screen import note, say
from benchmarks.views import journals, tracked
from results.records import of_rows


def track(out: Path, uri: str | None, console: Console) -> int:
    """Feeds all runs that can be used -> the exit code 0.

    Raises:
        UserError: there are no runs.
        ResultsError: mlflow is not installed, or the store does not answer.
    """
    runs = journals.some(out)
    records = of_rows(runs.records)
    say(console, str(tracked.feed_records(records, uri)))
    note(console, runs.remarks)
    return 0
