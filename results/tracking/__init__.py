"""MLflow, fed from the journals and read back: the only file that imports mlflow, and only inside functions.

Training never waits for tracking. Feeding is idempotent: every tracked run carries the tags `benchmarks.key` and
`benchmarks.digest`; one that is there, ended and unchanged is left alone, any other is deleted and made anew. A feed
holds the store's lock, so that several at once take turns.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
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
from results.tracking.entries import TrackedEntry, Values, entries
from results.tracking.feeding import Store
from results.tracking.fetching import Tracked
from results.tracking.stores import DEFAULT_URI, LATER, check, chosen, database, is_server, locked, probe, shown

__all__ = ["DEFAULT_URI", "FeedReport", "Tracked", "feed", "fetch", "keep_chart", "opened", "probe", "shown", "tracked"]

_TRACK = "python -m benchmarks track"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # results leave this machine only to the store that was asked for
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own patience is 245 s for each call
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


@dataclass(frozen=True, slots=True)
class FeedReport:
    """Report of a feed: the store, its experiments, the runs added, replaced and found unchanged; seconds taken."""

    uri: str
    experiments: tuple[str, ...]
    added: int
    replaced: int
    unchanged: int
    seconds: float

    def __str__(self) -> str:
        where = ", ".join(f"'{name}'" for name in self.experiments)
        flag = "" if self.uri == DEFAULT_URI else f" --backend-store-uri {shown(self.uri)}"
        look = shown(self.uri) if is_server(self.uri) else f"`mlflow ui{flag}`"
        counts = f"{self.added} runs added, {self.replaced} replaced, {self.unchanged} unchanged"
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
    """Lay the records into MLflow: one experiment per family and scale, seeds nested under a parent, paper beside it.

    Args:
        records: complete and incomplete ones. Give all records of `out`: a parent is made of the seeds given. A
            parent that is there and covers these seeds and more is kept.
        published: the papers' values by family, as `results.published.by_dataset()` gives them.
        uri: the store; default: $MLFLOW_TRACKING_URI, else `DEFAULT_URI`.
        measured: tables' measured values by the runs that they are of (`groups.runs_of`); they are laid over what the
            parents would compute themselves (final and best values, and the worst method's best accuracy as target).
        artifacts: by a record's id the files that show it, such as out/tables/smoke-virtual-paper-a/table3.csv; the
            parent of the run keeps them as tables/smoke-virtual-paper-a/table3.csv, and follows their changes.
            Journals and resolved configurations are kept without being asked for.
        apart: fingerprints of data beside which nothing published belongs.
        chance: guessing on a run's data: what it may reach is no target, and who learns no more has no way to a best.

    Raises:
        ResultsError: mlflow is not installed, or the store does not answer or refuses; the text says how to go on.
    """
    began = time.perf_counter()
    uri = chosen(uri)
    wanted = entries(records, published, measured or {}, artifacts, apart, chance)
    require_mlflow()
    probe(uri)
    with _settings(), _as_results_error(uri), locked(uri, _client):
        store = Store(_client(uri), uri, importlib.import_module("mlflow.entities"))
        for name, group in itertools.groupby(sorted(wanted, key=_experiment_of), _experiment_of):
            store.feed(name, list(group))
    names = tuple(sorted({entry.experiment for entry in wanted}))
    return FeedReport(uri, names, **store.counts, seconds=time.perf_counter() - began)


def _warn(sentence: str) -> None:
    logging.getLogger(__name__).warning(sentence)


def fetch(uri: str | None, folder: Path, complain: Callable[[str], None] = _warn) -> int:
    """Download the journals of a store's runs to folder/runs/<id>/journal.jsonl, so that a team shares one store.

    Nothing is unpickled: a journal is JSON, and is left out unless it reads as one and its identity is its spec's. A
    complete journal that is there already is kept, an incomplete one set aside if the store has the complete one.

    Args:
        uri: the store; default: $MLFLOW_TRACKING_URI, else `DEFAULT_URI`.
        folder: an `out` folder, made if need be.
        complain: told, in a sentence each, which journals are left out and why.

    Returns:
        How many journals are new.

    Raises:
        ResultsError: mlflow is not installed, the store is not there or does not answer, or the folder cannot be
            written.
    """
    with opened(uri) as client:
        return fetching.fetch(client, folder, complain)


def tracked(uri: str | None = None, kinds: Sequence[str] = fetching.KINDS) -> list[Tracked]:
    """Our runs in a store, the newest first: for links to it.

    Raises:
        ResultsError: as `fetch`.
    """
    with opened(uri) as client:
        return list(fetching.tracked(client, kinds))


def keep_chart(uri: str | None, name: str, title: str, runs: Sequence[Tracked], metrics: Sequence[str]) -> str:
    """Keep a view of bar charts with the runs' experiment -> its name in addresses (`serving.chart_link`).

    Args:
        uri: the store, as `fetch`.
        name: of the view; whatever was kept under it before is replaced.
        title: of the charts.
        runs: all of one experiment.
        metrics: names as MLflow has them; a chart each, in this order.

    Raises:
        ResultsError: as `fetch`; or there are too many runs for a view.
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
    """A client of a store that is there, for reading; nothing is made.

    Raises:
        ResultsError: mlflow is not installed, or there is no such store, or it does not answer.
    """
    uri = chosen(uri)
    require_store(uri)
    with _settings(), _as_results_error(uri):
        yield _client(uri)


def require_store(uri: str) -> None:
    """See that a store is there, making nothing.

    Raises:
        ResultsError: mlflow is not installed, or there is no such store, or it does not answer.
    """
    require_mlflow()
    probe(uri)
    path = database(uri)
    if path is not None and not path.exists():
        raise ResultsError(f"There is no store at {path}: run a table, or feed what was run with `{_TRACK}`.")
    if path is not None:
        check(path)


def require_mlflow() -> None:
    """Raises ResultsError, saying how to install it, where mlflow is missing."""
    if importlib.util.find_spec("mlflow") is None:
        text = (
            "mlflow is not installed: install it with `pip install 'mlflow>=3.13,<4,!=3.18.0'`, or say --no-tracking."
        )
        raise ResultsError(f"{text} {LATER}")


def _experiment_of(entry: TrackedEntry) -> str:
    return entry.experiment


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow.store.db.utils", "mlflow.store.tracking.sqlalchemy_store"):
        logging.getLogger(name).setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=uri)
    client.get_experiment_by_name("Default")  # the store is opened, and made if need be, by its first use
    return client


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Sets _SETTINGS in the environment during the feed, except those that the user has set."""
    missing = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _as_results_error(uri: str) -> Iterator[None]:
    """Turns every failure of the store into a ResultsError: the runs are safe, and can be fed later."""
    try:
        yield
    except ResultsError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ResultsError(f"The tracking store {shown(uri)} cannot be used ({reason}). {LATER}") from error
