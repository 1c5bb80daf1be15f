"""Writes journals into MLflow and reads them back; the only file that imports mlflow, and only inside functions.

Training never waits for tracking. Every tracked run has the tags `benchmarks.key` and `benchmarks.digest`: a stored run
that ended and is unchanged is kept, any other is deleted and written again, so a second feed writes nothing. A feed
holds the store's lock: concurrent feeds take turns.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.errors import ResultsError
from results.groups import ChanceOf, Measured, unknown_chance
from results.records import Record
from results.tracking import fetching, tags
from results.tracking.entries import Values, entries
from results.tracking.feeding import Store
from results.tracking.fetching import Tracked
from results.tracking.stores import DEFAULT_URI, LATER, check, chosen, database, is_server, locked, probe, shown

__all__ = ["DEFAULT_URI", "FeedReport", "Tracked", "feed", "fetch", "keep_chart", "opened", "probe", "shown", "tracked"]

_warn = logging.getLogger(__name__).warning
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # results leave this machine only to the store that was asked for
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own patience is 245 s for each call
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


@dataclass(frozen=True, slots=True)
class FeedReport:
    """Result of a feed: store, experiments, and counts of entries added (runs among them), replaced and unchanged.

    created: whether the feed made the store.
    """

    uri: str
    experiments: tuple[str, ...]
    added: int
    replaced: int
    unchanged: int
    seconds: float
    runs: int = 0
    created: bool = False

    def __str__(self) -> str:
        where = ", ".join(f"'{name}'" for name in self.experiments)
        flag = "" if self.uri == DEFAULT_URI else f" --backend-store-uri {shown(self.uri)}"
        look = shown(self.uri) if is_server(self.uri) else f"`mlflow ui{flag}`"
        beside = (
            f" and {count} rows of means, published values or shared runs" if (count := self.added - self.runs) else ""
        )
        added = f"{self.runs} run{'' if self.runs == 1 else 's'}{beside} added"
        counts = f"{added}, {self.replaced} replaced, {self.unchanged} unchanged"
        return f"MLflow: {counts} in {where or 'no experiment'} ({self.seconds:.1f} s); look at them with {look}."


def feed(
    records: Sequence[Record],
    *,
    published: Mapping[str, Values],
    uri: str | None = None,
    measured: Measured | None = None,
    artifacts: Mapping[str, Sequence[Path]] | None = None,
    apart: Collection[str] = (),
    chance: ChanceOf = unknown_chance,
) -> FeedReport:
    """Writes the records into MLflow: an experiment per family and scale, seeds nested under a parent, published rows.

    Args:
        records: complete and incomplete ones, best all of a folder: a parent is made of the given seeds, unless the
            stored one has these and more.
        published: the papers' values by family, as of `results.published.by_dataset()`.
        uri: the store; default: $MLFLOW_TRACKING_URI, else `DEFAULT_URI`.
        measured: tables' values by their runs (`groups.runs_of`). They replace a parent's own final and best values
            and the computed target.
        artifacts: by a record's id the files that show it, such as out/tables/smoke-virtual-paper-a/table3.csv, which
            its parent keeps as tables/smoke-virtual-paper-a/table3.csv. Journals and specs are always kept.
        apart: fingerprints of data sets for which no published value holds.
        chance: guessing on a run's data. A value that guessing may reach is no target, and has no time to it.

    Raises:
        ResultsError: mlflow is not installed, or the store does not answer or refuses; the text says how to continue.

    Example:
        `feed(records, published=by_dataset(), uri="sqlite:///./mlflow.db")`
    """
    began = time.perf_counter()
    uri = chosen(uri)
    all_entries = entries(records, published, measured or {}, artifacts, apart, chance)
    require_mlflow()
    probe(uri)
    names = tuple(sorted({entry.experiment for entry in all_entries}))
    with _as_results_error(uri), locked(uri, _client) as created:
        store = Store(_client(uri), uri, importlib.import_module("mlflow.entities"))
        for name in names:
            store.feed(name, [entry for entry in all_entries if entry.experiment == name])
    return FeedReport(
        uri, names, **store.counts, seconds=time.perf_counter() - began, runs=len(store.journals), created=created
    )


def fetch(uri: str | None, folder: Path, complain: Callable[[str], None] = _warn) -> int:
    """Downloads the journals of a store's runs to folder/runs/<id>/journal.jsonl, so that a team can share a store.

    A journal that cannot be read, or whose identity is not its spec's, is skipped; nothing is unpickled. A complete
    journal in the folder is kept; an incomplete one is renamed if the store has a complete one.

    Args:
        uri: the store; default: $MLFLOW_TRACKING_URI, else `DEFAULT_URI`.
        folder: a folder of results, created if missing.
        complain: takes a sentence for each skipped journal.

    Returns:
        Number of new journals.

    Raises:
        ResultsError: mlflow is not installed, the store is missing or does not answer, or the folder cannot be written.
    """
    with opened(uri) as client:
        return fetching.fetch(client, folder, complain)


def tracked(uri: str | None = None, kinds: Sequence[str] = fetching.KINDS) -> list[Tracked]:
    """Returns the suite's runs in a store, the newest first; kinds as of `fetching.KINDS`. Raises as `opened`."""
    with opened(uri) as client:
        return list(fetching.tracked(client, kinds))


def keep_chart(uri: str | None, name: str, title: str, runs: Sequence[Tracked], metrics: Sequence[str]) -> str:
    """Stores a view of bar charts with the runs' experiment -> its name in addresses (`serving.chart_link`).

    Args:
        uri: the store, as `fetch`.
        name: of the view; replaces an earlier one of this name.
        title: of the charts.
        runs: of one experiment.
        metrics: MLflow's names; a chart each, in this order.

    Raises:
        ResultsError: as `opened`; or there are too many runs for a view.
    """
    text = tags.chart_text(title, [run.run_id for run in runs], metrics)
    if len(text) > tags.MOST_LETTERS:
        raise ResultsError(f"{len(runs)} runs are too many for one of MLflow's views.")
    view = re.sub(r"[^\w.-]+", "-", name)[:200]
    with opened(uri) as client:
        client.set_experiment_tag(runs[0].experiment_id, f"{tags.VIEW_TAGS}{view}", text)
    return view


@contextlib.contextmanager
def opened(uri: str | None) -> Iterator[Any]:
    """Opens an existing store -> MLflow's client. Raises as `require_store`, and ResultsError for errors of MLflow."""
    uri = chosen(uri)
    require_store(uri)
    with _as_results_error(uri):
        yield _client(uri)


def require_store(uri: str) -> None:
    """Raises ResultsError if mlflow is not installed, or the store does not exist or answer. Creates nothing."""
    require_mlflow()
    probe(uri)
    path = database(uri)
    if path is not None and not path.exists():
        raise ResultsError(
            f"There is no store at {path}: run a table, or feed what was run with `python -m benchmarks track`."
        )
    if path is not None:
        check(path)


def require_mlflow() -> None:
    """Raises ResultsError, with how to install it, if mlflow is missing."""
    if importlib.util.find_spec("mlflow") is None:
        raise ResultsError(
            "mlflow is not installed: install it with `pip install 'mlflow>=3.13,<4,!=3.18.0'`, or say --no-tracking. "
            + LATER
        )


def _client(uri: str) -> Any:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow.store.db.utils", "mlflow.store.tracking.sqlalchemy_store"):
        logging.getLogger(name).setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=uri)
    client.get_experiment_by_name("Default")  # the first use opens the store, or makes it
    return client


@contextlib.contextmanager
def _as_results_error(uri: str) -> Iterator[None]:
    """Turns every error of the store into a ResultsError: the runs are safe and can be fed later."""
    try:
        yield
    except ResultsError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ResultsError(f"The tracking store {shown(uri)} cannot be used ({reason}). {LATER}") from error
