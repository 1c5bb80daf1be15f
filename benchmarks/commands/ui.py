"""`ui`: serves MLflow's pages over what was tracked, and opens a chart of published beside measured."""

from __future__ import annotations

import fnmatch
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.commands.screen import say
from benchmarks.errors import UserError
from benchmarks.experiments import own_table
from benchmarks.runner.processes import signals
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Table
from benchmarks.tables.own import is_file
from benchmarks.views.tracked import is_apart
from methods.errors import unknown
from results import tracking
from results.errors import ResultsError
from results.measures import of_runs
from results.tables import files
from results.tracking import Tracked, serving, stores
from results.tracking.points import metric_key

MOST_TABLES = 4
"""Tables whose links are printed without being named."""
MOST_COMPARISONS = 6
"""Comparisons whose links are printed."""
BEST = ("best_accuracy_percent", "best_loss")
"""Measures of a chart beside the table's own."""


@dataclass(frozen=True)
class LinkedTable:
    """A table whose runs are looked for in the store.

    rows: of each network, in order. family: "" where only the printed file names the table. card: of the virtual
    clock. condition: the folder of a printed table, "" where none was printed.
    """

    id: str
    rows: Mapping[str, Sequence[str]]
    measures: Sequence[str]
    family: str = ""
    card: str = ""
    condition: str = ""

    @property
    def file(self) -> str:
        """Returns the file that MLflow keeps with the runs that the table shows."""
        return f"tables/{self.condition}/{self.id}.csv"

    def preference(self, run: Tracked) -> tuple[bool, bool, int]:
        """Ranks the runs of a row: shown under this condition or none, then on the table's card, then the newest."""
        return self.file in run.files or not run.files, run.params.get("hardware.name") == self.card, run.started_ms


@dataclass(frozen=True)
class Comparison:
    """A table's runs on one network, of one experiment: row by row the measured, then the published one if any."""

    table: LinkedTable
    network: str
    runs: tuple[Tracked, ...]

    @property
    def measured(self) -> tuple[Tracked, ...]:
        return tuple(run for run in self.runs if run.kind == "ours")

    @property
    def title(self) -> str:
        beside = ", published beside measured" if len(self.measured) < len(self.runs) else ""
        return f"{self.table.id} on {self.network}, {self.table.condition or self.runs[0].experiment}{beside}"

    @property
    def metrics(self) -> list[str]:
        """Returns the table's measures, and the best, that two runs have, a measured one among them.

        Seconds come last where none is the paper's: beside its bars the measured ones would be too small to see.
        """
        keys = dict.fromkeys(map(metric_key, (*self.table.measures, *BEST)))
        kinds = {key: [run.kind for run in self.runs if key in run.metrics] for key in keys}
        shown = [key for key in keys if len(kinds[key]) > 1 and "ours" in kinds[key]]
        if "(paper)" in self.runs[0].experiment or len(self.measured) == len(self.runs):
            return shown
        seconds = {metric_key(measure.key) for measure in of_runs() if measure.unit == "s"}
        return sorted(shown, key=lambda key: key in seconds)


def ui(
    out: Path,
    uri: str | None,
    port: int,
    open_browser: bool,
    console: Console,
    names: Sequence[str] = (),
) -> int:
    """Serves the store on 127.0.0.1 until Ctrl-C, or links a user's own server -> the exit code 0.

    Args:
        out: folder of results, whose printed tables are linked.
        uri: the store. Default: $MLFLOW_TRACKING_URI, else MLflow's own default.
        port: of the server; 0 takes a free one.
        open_browser: whether to open the first comparison's chart.
        console: where links are printed.
        names: ids or files of the tables to link, instead of those in out.

    Raises:
        UserError: there is no such table.
        ResultsError: mlflow is not installed, there is no store, or the port is in use.
    """
    linked = [table for name in names for table in _named(out, name)] or _printed(out)
    linked = linked or [_defined(tables.table(id)) for id in tables.IDS]
    store = stores.chosen(uri)
    tracking.require_store(store)
    try:
        with serving.server(store, port) as server:
            runs = tracking.tracked(store, ("ours", "paper"))  # while the server starts
            comparisons = list(_comparisons(runs, linked))
            server.wait_until_ready()
            named = [table.id for table in linked] if names else []
            page = _print_links(server.url, store, console, runs, comparisons, named)
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
    url: str,
    store: str,
    console: Console,
    runs: Sequence[Tracked],
    comparisons: Sequence[Comparison],
    named: Sequence[str],
) -> str:
    """Prints the first comparison's chart, the list of runs, and more comparisons -> the page to open.

    named: ids of the tables that the user named.
    """
    measured = [run for run in runs if run.kind == "ours"]
    if not measured:
        say(console, "The store has no runs yet: run a table, or feed earlier runs with `python -m benchmarks track`.")
        return url
    latest = comparisons[0].runs[0] if comparisons else max(measured, key=lambda run: run.started_ms)
    page = list_page = serving.experiment_link(url, latest.experiment_id, view=latest.view)
    if comparisons:
        page = _print_chart(url, store, console, comparisons[0])
    say(console, f"All runs of '{latest.experiment}': {list_page}")
    ids = list(dict.fromkeys(comparison.table.id for comparison in comparisons))
    if len(ids) > MOST_TABLES and not named:
        say(console, f"Compare runs: `python -m benchmarks ui TABLE` prints links for {', '.join(ids)}.")
        return page
    for number, comparison in enumerate(comparisons[:MOST_COMPARISONS]):
        if number:
            _print_chart(url, store, console, comparison)
        say(console, f"  curves: {serving.curves_link(url, comparison.measured)}")
        say(console, f"  values and settings: {serving.compare_link(url, comparison.runs)}")
    if more := len(comparisons[MOST_COMPARISONS:]):
        say(console, f"{more} more comparisons, of earlier conditions: find their runs in the list.")
    for id in dict.fromkeys(named):
        if id not in ids:
            say(console, f"{id}: fewer than two of its rows are in the store; run it first.")
    return page


def _print_chart(url: str, store: str, console: Console, comparison: Comparison) -> str:
    """Prints the link of a comparison's charts, which are kept with the experiment where it can be written."""
    try:
        name = f"{comparison.table.id}-{comparison.network}-{comparison.table.condition}"
        view = tracking.keep_chart(store, name, comparison.title, comparison.runs, comparison.metrics)
        link = serving.chart_link(url, comparison.runs[0].experiment_id, view)
    except ResultsError:
        link = serving.curves_link(url, comparison.runs)
    say(console, f"{comparison.title}:\n  {link}")
    return link


def _defined(table: Table) -> LinkedTable:
    """Returns a table as its definition has it."""
    rows = {network: list(table.keys) for network in table.networks}
    return LinkedTable(table.id, rows, table.measures, table.family, table.card)


def _named(out: Path, name: str) -> list[LinkedTable]:
    """Returns a table, named by its file or id, under each condition that it was printed under, the latest first."""
    if not is_file(name) and name not in tables.IDS:
        if printed := _printed(out, name):
            return printed
        names = [*tables.IDS, *sorted({path.stem for path in out.glob("tables/*/*.json")} - {*tables.IDS})]
        raise UserError(unknown("table", name, names))
    table = own_table(Path(name)) if is_file(name) else tables.table(name)
    return _printed(out, table.id, table.family) or [_defined(table)]


def _printed(out: Path, id: str = "*", family: str = "") -> list[LinkedTable]:
    """Returns the tables that were printed into out, the latest first, without those that cannot be read."""
    printed = []
    paths = [path for path in out.glob("tables/*/*.json") if id in ("*", path.stem)]
    for path in sorted(paths, key=lambda path: -path.stat().st_mtime):
        try:
            table = files.read(path)
        except ResultsError:
            continue
        rows = {network: [row.row for row in table.rows if row.network == network] for network in table.networks}
        own_family = tables.table(table.name).family if table.name in tables.IDS else ""
        measures = [measure.key for measure in table.measures]
        card, condition = table.conditions.hardware, path.parent.name
        printed.append(LinkedTable(table.name, rows, measures, family or own_family, card, condition))
    return printed


def _comparisons(runs: Sequence[Tracked], linked: Sequence[LinkedTable]) -> Iterator[Comparison]:
    """Yields a comparison per table, condition, experiment and network, of two runs or more; none twice."""
    yielded = set[tuple[str, ...]]()
    for table in linked:
        filed = any(table.file in run.files for run in runs)
        for experiment in dict.fromkeys(run.experiment for run in runs if run.kind == "ours"):
            if not filed and experiment.rpartition(" (")[0] != table.family:
                continue
            of_experiment = [run for run in runs if run.experiment == experiment]
            for network in table.rows:
                measured, published = (
                    _rows(of_experiment, table, network, kind, filed=filed) for kind in ("ours", "paper")
                )
                pairs = [run for row in measured for run in _beside(measured[row], published.get(row))]
                ids = table.id, *(run.run_id for run in pairs)
                if len(pairs) > 1 and ids not in yielded:
                    yielded.add(ids)
                    yield Comparison(table, network, tuple(pairs))


def _beside(measured: Tracked, published: Tracked | None) -> Iterator[Tracked]:
    """Yields a row's measured run, then the published one, which is of other data where data were chosen."""
    yield measured
    chosen = is_apart(measured.params.get("workload.dataset", ""), measured.params.get("workload.family", ""))
    if published is not None and not chosen:
        yield published


def _rows(runs: Sequence[Tracked], table: LinkedTable, network: str, kind: str, *, filed: bool) -> dict[str, Tracked]:
    """Maps each row of the table to its run. filed: whether MLflow keeps the table's file with the runs it shows."""

    def belongs(run: Tracked) -> bool:
        if filed and kind == "ours":
            return table.file in run.files
        return not run.files or bool(fnmatch.filter(run.files, f"tables/*/{table.id}.csv"))

    of_network = [run for run in runs if (run.kind, run.network) == (kind, network) and belongs(run)]
    by_row = {row: [run for run in of_network if run.row == row] for row in table.rows[network]}
    return {row: max(of_row, key=table.preference) for row, of_row in by_row.items() if of_row}
