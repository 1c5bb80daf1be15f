"""`track`: feeds the journals of a folder to MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.experiments import own_table
from benchmarks.tables.own import is_file
from benchmarks.views import journals, tracked
from results.records import of_rows


def track(out: Path, uri: str | None, console: Console, names: Sequence[str] = ()) -> int:
    """Feeds all runs that can be used -> the exit code 0.

    Args:
        out: folder of results.
        uri: the store. Default: $MLFLOW_TRACKING_URI, else MLflow's own default.
        console: where the report is printed.
        names: files of tables of the user's own, whose published values are laid beside.

    Raises:
        UserError: there are no runs, or a table is wrong.
        ResultsError: mlflow is not installed, or the store does not answer.
    """
    if other := next((name for name in names if not is_file(name)), None):
        why = "runs are found by --out, and of the suite's tables all is known"
        raise UserError(f"{other} is no file of a table of your own, in TOML or Python; {why}.")
    theirs = tracked.published_lines(own_table(Path(name)) for name in names)
    runs = journals.some(out)
    records = of_rows(runs.records)
    say(console, str(tracked.feed_records(records, uri, theirs=theirs)))
    note(console, runs.remarks)
    return 0
