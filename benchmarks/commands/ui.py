"""`ui`: MLflow's pages over what was tracked, opened at the right experiment, with links that compare runs."""

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
    """Serve the store until Ctrl-C, on 127.0.0.1 alone; a user's own server is linked, not started -> exit code 0.

    Args:
        out: folder of results; the tables that lie in it are those whose links are printed.
        uri: the store. Default: $MLFLOW_TRACKING_URI, else MLflow's own default.
        port: of the server; 0 takes a free one.
        open_browser: whether to open the experiment's page.
        console: where links are printed.
        names: the tables whose links are printed, instead of those in out.

    Raises:
        UserError: there is no such table.
        ResultsError: mlflow is not installed, there is no store, or the port is in use.
    """
    wanted = [own_table(Path(name)) if is_file(name) else tables.table(name) for name in names]
    store = stores.chosen(uri)
    tracking.require_store(store)
    try:
        with serving.server(store, port) as server:
            shelf = tracking.tracked(store, ("ours", "paper"))  # while the server starts
            server.wait_until_ready()
            page = _announce(shelf, server.url, wanted or _run_before(out), bool(wanted), console)
            if open_browser:
                webbrowser.open(page)
            if not stores.is_server(store):
                console.print("Ctrl-C ends the server.")
            server.wait()
    except KeyboardInterrupt as error:
        signals.signalled(error)
        console.print("The server has ended.")
    return 0


def _announce(shelf: Sequence[Tracked], url: str, known: Sequence[Table], asked: bool, console: Console) -> str:
    """Print where to look -> the page to open."""
    ours = [one for one in shelf if one.kind == "ours"]
    if not ours:
        console.print("The store has no runs yet: run a table, or feed what was run with `python -m benchmarks track`.")
        return url
    links = list(_links(shelf, known))
    latest = max(ours, key=lambda one: one.started_ms)
    experiments = {one.experiment: one for one in shelf}
    right = links[0].experiment if links else latest.experiment
    page = serving.experiment_link(url, experiments[right].experiment_id, view=experiments[right].view)
    say(console, f"MLflow, experiment '{right}': {page}")
    found = list(dict.fromkeys(link.table.id for link in links))
    if len(found) > FEW and not asked:
        say(console, f"Compare runs: `python -m benchmarks ui TABLE` prints links for {', '.join(found)}.")
        return page
    for link in links:
        say(console, f"{link.table.id}, {link.network}, {link.experiment}, {link.what}:")
        say(console, f"  {serving.compare_link(url, link.runs)}")
        if link.what == METHODS:
            say(console, f"  curves: {serving.charts_link(url, link.runs)}")
    for table in known if asked else ():
        if table.id not in found:
            say(console, f"{table.id}: fewer than two of its rows are in the store; run it, then look again.")
    return page


def _run_before(out: Path) -> list[Table]:
    """The tables that were printed into out; all of them where none was."""
    there = [id for id in tables.IDS if next(out.glob(f"tables/*/{id}.json"), None) is not None]
    return [tables.table(id) for id in there or tables.IDS]


def _links(shelf: Sequence[Tracked], known: Sequence[Table]) -> Iterator[Link]:
    """Links for each table, experiment and network: the methods side by side, and each beside the paper's row."""
    experiments = dict.fromkeys(one.experiment for one in shelf if one.kind == "ours")
    for table in known:
        for experiment in experiments:
            if experiment.rpartition(" (")[0] != table.family:
                continue
            here = [one for one in shelf if one.experiment == experiment]
            for network in table.networks:
                ours = _rows(here, table, network, "ours")
                papers = _rows(here, table, network, "paper")
                if len(ours) > 1:
                    yield Link(table, experiment, network, METHODS, tuple(ours.values()))
                both = [run for row in ours if row in papers for run in (ours[row], papers[row])]
                if both:
                    yield Link(table, experiment, network, PAPER, tuple(both))


def _rows(here: Sequence[Tracked], table: Table, network: str, kind: str) -> dict[str, Tracked]:
    """The run of each row of the table, in its order. Of several, that on the table's own card, then the newest."""
    found: dict[str, Tracked] = {}
    for row in table.rows:
        of_row = [one for one in here if (one.kind, one.network, one.row) == (kind, network, row.key)]
        shown = [one for one in of_row if not one.files or fnmatch.filter(one.files, f"tables/*/{table.id}.csv")]
        if shown:
            found[row.key] = max(shown, key=lambda one: (one.params.get("hardware.name") == table.card, one.started_ms))
    return found
