"""`ui`: serves MLflow's pages over what was tracked, with links that compare runs."""

from __future__ import annotations

import fnmatch
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.commands.screen import say
from benchmarks.experiments import own_table
from benchmarks.runner.processes import signals
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Table
from benchmarks.tables.own.load import is_file
from results import tracking
from results.tracking import Tracked, serving, stores

METHODS, PAPER = "the methods", "ours beside the paper's"
FEW = 4
"""Tables whose links one reads on a screen; of more, one asks for those that one wants."""


@dataclass(frozen=True)
class Link:
    """A page that compares runs of a table on a network."""

    table: Table
    experiment: str
    network: str
    what: str
    runs: tuple[Tracked, ...]


def ui(
    out: Path,
    uri: str | None,
    port: int,
    open_browser: bool,
    console: Console,
    names: Sequence[str] = (),
) -> int:
    """Serves the store until Ctrl-C, on 127.0.0.1 alone; a user's own server is linked, not started -> the exit code 0.

    Args:
        out: folder of results; the tables in it are those whose links are printed.
        uri: the store. Default: $MLFLOW_TRACKING_URI, else MLflow's own default.
        port: of the server; 0 takes a free one.
        open_browser: whether to open the experiment's page.
        console: where links are printed.
        names: the tables whose links are printed, instead of those in out.

    Raises:
        UserError: there is no such table.
        ResultsError: mlflow is not installed, there is no store, or the port is in use.
    """
    tables_named = [own_table(Path(name)) if is_file(name) else tables.table(name) for name in names]
    store = stores.chosen(uri)
    tracking.require_store(store)
    try:
        with serving.server(store, port) as server:
            shelf = tracking.tracked(store, ("ours", "paper"))  # while the server starts
            server.wait_until_ready()
            page = _print_links(shelf, server.url, tables_named or _printed_tables(out), bool(tables_named), console)
            if open_browser:
                webbrowser.open(page)
            if not stores.is_server(store):
                console.print("Ctrl-C ends the server.")
            server.wait()
    except KeyboardInterrupt as error:
        signals.signalled(error)
        console.print("The server has ended.")
    return 0


def _print_links(
    shelf: Sequence[Tracked], url: str, tables_shown: Sequence[Table], named: bool, console: Console
) -> str:
    """Prints links to the experiment and its comparisons -> the page to open."""
    own_runs = [run for run in shelf if run.kind == "ours"]
    if not own_runs:
        console.print("The store has no runs yet: run a table, or feed what was run with `python -m benchmarks track`.")
        return url
    links = list(_links(shelf, tables_shown))
    latest = max(own_runs, key=lambda run: run.started_ms)
    experiments = {run.experiment: run for run in shelf}
    right = links[0].experiment if links else latest.experiment
    page = serving.experiment_link(url, experiments[right].experiment_id, view=experiments[right].view)
    say(console, f"MLflow, experiment '{right}': {page}")
    linked = list(dict.fromkeys(link.table.id for link in links))
    if len(linked) > FEW and not named:
        say(console, f"Compare runs: `python -m benchmarks ui TABLE` prints links for {', '.join(linked)}.")
        return page
    for link in links:
        say(console, f"{link.table.id}, {link.network}, {link.experiment}, {link.what}:")
        say(console, f"  {serving.compare_link(url, link.runs)}")
        if link.what == METHODS:
            say(console, f"  curves: {serving.charts_link(url, link.runs)}")
    for table in tables_shown if named else ():
        if table.id not in linked:
            say(console, f"{table.id}: fewer than two of its rows are in the store; run it, then look again.")
    return page


def _printed_tables(out: Path) -> list[Table]:
    """Returns the tables that were printed into out; all where none was."""
    ids = [id for id in tables.IDS if next(out.glob(f"tables/*/{id}.json"), None) is not None]
    return [tables.table(id) for id in ids or tables.IDS]


def _links(shelf: Sequence[Tracked], tables_shown: Sequence[Table]) -> Iterator[Link]:
    """Yields links per table, experiment and network: methods side by side, and each beside the paper's row."""
    experiments = dict.fromkeys(entry.experiment for entry in shelf if entry.kind == "ours")
    for table in tables_shown:
        for experiment in experiments:
            if experiment.rpartition(" (")[0] != table.family:
                continue
            of_experiment = [entry for entry in shelf if entry.experiment == experiment]
            for network in table.networks:
                own_rows = _rows(of_experiment, table, network, "ours")
                papers = _rows(of_experiment, table, network, "paper")
                if len(own_rows) > 1:
                    yield Link(table, experiment, network, METHODS, tuple(own_rows.values()))
                pairs = [run for row in own_rows if row in papers for run in (own_rows[row], papers[row])]
                if pairs:
                    yield Link(table, experiment, network, PAPER, tuple(pairs))


def _rows(runs: Sequence[Tracked], table: Table, network: str, kind: str) -> dict[str, Tracked]:
    """Returns the run of each row of the table; of several, one on the table's card, then the newest."""
    by_row: dict[str, Tracked] = {}
    for row in table.rows:
        of_row = [run for run in runs if (run.kind, run.network, run.row) == (kind, network, row.key)]
        shown = [run for run in of_row if not run.files or fnmatch.filter(run.files, f"tables/*/{table.id}.csv")]
        if shown:
            by_row[row.key] = max(
                shown, key=lambda run: (run.params.get("hardware.name") == table.card, run.started_ms)
            )
    return by_row
