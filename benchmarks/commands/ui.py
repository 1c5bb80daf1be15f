"""`ui`: serves MLflow's pages over what was tracked, first of all a chart that lays published beside measured."""

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
from methods.errors import unknown
from results import tracking
from results.errors import ResultsError
from results.measures import of_runs
from results.tables import ResultTable, files
from results.tracking import Tracked, serving, stores
from results.tracking.points import metric_key

FEW = 4
"""Tables whose links one reads on a screen; of more, one asks for those that one wants."""
MOST = 6
"""Comparisons whose links one reads on a screen."""
BEST = ("best_accuracy_percent", "best_loss")
"""Measures of a chart beside the table's own."""


@dataclass(frozen=True)
class Shown:
    """A table as its runs are looked for. rows: of each network, in their order.

    family: "" of a printed table that is known by its file alone. card: preferred where a row has several runs.
    condition: the folder of a printed one, "" where none was printed.
    """

    id: str
    rows: Mapping[str, Sequence[str]]
    measures: Sequence[str]
    family: str = ""
    card: str = ""
    condition: str = ""

    @classmethod
    def defined(cls, table: Table) -> Shown:
        """The table as its definition has it."""
        rows = {network: list(table.keys) for network in table.networks}
        return cls(table.id, rows, table.measures, table.family, table.card)

    @classmethod
    def printed(cls, table: ResultTable, condition: str, family: str) -> Shown:
        """The table as it was printed under a condition."""
        rows = {network: [row.row for row in table.rows if row.network == network] for network in table.networks}
        return cls(table.name, rows, [one.key for one in table.measures], family, table.conditions.hardware, condition)

    @property
    def file(self) -> str:
        """The file that MLflow keeps with the runs that it shows."""
        return f"tables/{self.condition}/{self.id}.csv"

    def preference(self, run: Tracked) -> tuple[bool, bool, int]:
        """Rank of a row's run: no other condition's before those, then one on the table's card, then the newest."""
        return self.file in run.files or not run.files, run.params.get("hardware.name") == self.card, run.started_ms


@dataclass(frozen=True)
class Comparison:
    """A table's runs on one network, of one experiment: row by row ours, and the paper's where there is one."""

    table: Shown
    network: str
    runs: tuple[Tracked, ...]

    @property
    def ours(self) -> tuple[Tracked, ...]:
        """The measured ones."""
        return tuple(run for run in self.runs if run.kind == "ours")

    @property
    def title(self) -> str:
        """What is compared, in words."""
        beside = ", published beside measured" if len(self.ours) < len(self.runs) else ""
        return f"{self.table.id} on {self.network}, {self.table.condition or self.runs[0].experiment}{beside}"

    @property
    def metrics(self) -> list[str]:
        """The table's measures, and the best, that two runs have, one of ours among them.

        Seconds come last at scales of which no second is the paper's: beside its bars ours would not be seen.
        """
        seconds = {metric_key(one.key) for one in of_runs() if one.unit == "s"}
        keys = dict.fromkeys(map(metric_key, (*self.table.measures, *BEST)))
        there = {key: [run.kind for run in self.runs if key in run.metrics] for key in keys}
        found = [key for key, kinds in there.items() if len(kinds) > 1 and "ours" in kinds]
        last = seconds if "(paper)" not in self.runs[0].experiment and len(self.ours) < len(self.runs) else set()
        return sorted(found, key=lambda key: key in last)


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
        out: folder of results; the tables in it, the suite's and others, are those whose links are printed.
        uri: the store. Default: $MLFLOW_TRACKING_URI, else MLflow's own default.
        port: of the server; 0 takes a free one.
        open_browser: whether to open the first comparison's chart.
        console: where links are printed.
        names: the tables whose links are printed, instead of those in out.

    Raises:
        UserError: there is no such table.
        ResultsError: mlflow is not installed, there is no store, or the port is in use.
    """
    shown = [one for name in names for one in _named(out, name)] or _printed(out)
    shown = shown or [Shown.defined(tables.table(id)) for id in tables.IDS]
    store = stores.chosen(uri)
    tracking.require_store(store)
    try:
        with serving.server(store, port) as server:
            shelf = tracking.tracked(store, ("ours", "paper"))  # while the server starts
            found = list(_comparisons(shelf, shown))
            server.wait_until_ready()
            page = _Pages(server.url, store, console).show(shelf, found, [one.id for one in shown] if names else ())
            if open_browser:
                webbrowser.open(page)
            if not stores.is_server(store):
                console.print("Ctrl-C ends the server.")
            server.wait()
    except KeyboardInterrupt as error:
        signals.signalled(error)
        console.print("The server has ended.")
    return 0


@dataclass(frozen=True)
class _Pages:
    """Addresses of MLflow's pages at a server of a store, printed."""

    url: str
    store: str
    console: Console

    def show(self, shelf: Sequence[Tracked], found: Sequence[Comparison], named: Sequence[str]) -> str:
        """Prints the first comparison's chart, the list of runs, and more comparisons -> the page to open."""
        ours = [run for run in shelf if run.kind == "ours"]
        if not ours:
            say(
                self.console,
                "The store has no runs yet: run a table, or feed what was run: `python -m benchmarks track`.",
            )
            return self.url
        latest = found[0].runs[0] if found else max(ours, key=lambda run: run.started_ms)
        runs = serving.experiment_link(self.url, latest.experiment_id, view=latest.view)
        page = self._chart(found[0]) if found else runs
        say(self.console, f"All runs of '{latest.experiment}': {runs}")
        linked = list(dict.fromkeys(one.table.id for one in found))
        if len(linked) > FEW and not named:
            say(self.console, f"Compare runs: `python -m benchmarks ui TABLE` prints links for {', '.join(linked)}.")
            return page
        for number, one in enumerate(found[:MOST]):
            if number:
                self._chart(one)
            say(self.console, f"  curves: {serving.curves_link(self.url, one.ours)}")
            say(self.console, f"  values and settings: {serving.compare_link(self.url, one.runs)}")
        if len(found) > MOST:
            say(
                self.console,
                f"{len(found) - MOST} more comparisons, of earlier conditions: find their runs in the list.",
            )
        for id in dict.fromkeys(named):
            if id not in linked:
                say(self.console, f"{id}: fewer than two of its rows are in the store; run it, then look again.")
        return page

    def _chart(self, one: Comparison) -> str:
        """Prints the link of a comparison's charts, which are kept with the experiment where it can be written."""
        try:
            name = f"{one.table.id}-{one.network}-{one.table.condition}"
            view = tracking.keep_chart(self.store, name, one.title, one.runs, one.metrics)
            link = serving.chart_link(self.url, one.runs[0].experiment_id, view)
        except ResultsError:
            link = serving.curves_link(self.url, one.runs)
        say(self.console, f"{one.title}:")
        say(self.console, f"  {link}")
        return link


def _named(out: Path, name: str) -> list[Shown]:
    """Returns a table, named by its file or id, under each condition that it was printed under, the latest first."""
    if not is_file(name) and name not in tables.IDS:
        if printed := _printed(out, name):
            return printed
        known = [*tables.IDS, *sorted({path.stem for path in out.glob("tables/*/*.json")} - {*tables.IDS})]
        raise UserError(unknown("table", name, known))
    table = own_table(Path(name)) if is_file(name) else tables.table(name)
    return _printed(out, table.id, table.family) or [Shown.defined(table)]


def _printed(out: Path, id: str = "*", family: str = "") -> list[Shown]:
    """Returns the tables that were printed into out, the latest first; those that cannot be read are left out."""
    found = []
    paths = [path for path in out.glob("tables/*/*.json") if id in ("*", path.stem)]
    for path in sorted(paths, key=lambda path: -path.stat().st_mtime):
        try:
            table = files.read(path)
        except ResultsError:
            continue
        of_suite = tables.table(table.name).family if table.name in tables.IDS else ""
        found.append(Shown.printed(table, path.parent.name, family or of_suite))
    return found


def _comparisons(shelf: Sequence[Tracked], shown: Sequence[Shown]) -> Iterator[Comparison]:
    """Yields a comparison per table, condition, experiment and network, of two runs or more; none twice."""
    there = set[tuple[str, ...]]()
    for table in shown:
        filed = any(table.file in run.files for run in shelf)
        for experiment in dict.fromkeys(run.experiment for run in shelf if run.kind == "ours"):
            if not filed and experiment.rpartition(" (")[0] != table.family:
                continue
            runs = [run for run in shelf if run.experiment == experiment]
            for network in table.rows:
                ours, papers = (_rows(runs, table, network, kind, filed) for kind in ("ours", "paper"))
                pairs = [run for row in ours for run in (ours[row], papers.get(row)) if run is not None]
                ids = table.id, *(run.run_id for run in pairs)
                if len(pairs) > 1 and ids not in there:
                    there.add(ids)
                    yield Comparison(table, network, tuple(pairs))


def _rows(runs: Sequence[Tracked], table: Shown, network: str, kind: str, filed: bool) -> dict[str, Tracked]:
    """Returns the run of each row of the table.

    filed: whether MLflow has the table's file, and so knows which runs it shows.
    """
    by_row: dict[str, Tracked] = {}
    for row in table.rows[network]:
        of_row = [run for run in runs if (run.kind, run.network, run.row) == (kind, network, row)]
        if filed and kind == "ours":
            of_row = [run for run in of_row if table.file in run.files]
        else:
            of_row = [run for run in of_row if not run.files or fnmatch.filter(run.files, f"tables/*/{table.id}.csv")]
        if of_row:
            by_row[row] = max(of_row, key=table.preference)
    return by_row
