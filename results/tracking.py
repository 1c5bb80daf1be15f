"""MLflow, fed from the journals: the only file that imports mlflow, and only inside functions.

Training never waits for tracking. Feeding is idempotent: every tracked run carries the tags `benchmarks.key` and
`benchmarks.digest`; one that is there, ended and unchanged is left alone, any other is deleted and made anew.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import logging
import os
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.entries import PREFIX, Entry, Values, entries
from results.errors import ResultsError
from results.groups import Measured
from results.records import Record
from results.stores import database, fresh_store

DEFAULT_URI = "sqlite:///./mlflow.db"
"""MLflow's own default, so that a bare `mlflow ui` in the same folder shows the runs."""
PROBE_SECONDS = 3.0

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_LATER = (
    "Nothing of the training is lost: the journals are complete; feed them later with `python -m benchmarks track`."
)
_PARENT = "mlflow.parentRunId"
_MEMBERS = f"{PREFIX}members"
# What MLflow allows in one log_batch call: 1000 entities, of which 100 params and 100 tags.
_METRICS, _OTHERS = 800, 100
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # results leave this machine only to the store that was asked for
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own patience is 245 s for each call
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What a feed did: the store, its experiments, the runs added, replaced and found unchanged; seconds taken."""

    uri: str
    experiments: tuple[str, ...]
    added: int
    replaced: int
    unchanged: int
    seconds: float

    def __str__(self) -> str:
        where = ", ".join(f"'{name}'" for name in self.experiments)
        flag = "" if self.uri == DEFAULT_URI else f" --backend-store-uri {shown(self.uri)}"
        look = shown(self.uri) if self.uri.startswith("http") else f"`mlflow ui{flag}`"
        counts = f"{self.added} runs added, {self.replaced} replaced, {self.unchanged} unchanged"
        return f"MLflow: {counts} in {where or 'no experiment'} ({self.seconds:.1f} s); look at them with {look}."


def feed(
    records: Sequence[Record],
    *,
    published: Mapping[str, Values],
    uri: str | None = None,
    measured: Mapping[str, Measured] | None = None,
) -> FeedReport:
    """Lay the records into MLflow: one experiment per family and scale, seeds nested under a parent, paper beside it.

    Args:
        records: complete and incomplete ones. Give all records of `out`: a parent is made of the seeds given. A
            parent that is there and covers these seeds and more is kept.
        published: the papers' values by family, as `results.published.by_dataset()` gives them.
        uri: the store; default: $MLFLOW_TRACKING_URI, else `DEFAULT_URI`.
        measured: tables' measured values by family and hardware (`groups.clock_of`); they are laid over what the
            parents would compute themselves (final and best values, and the worst method's best accuracy as target).

    Raises:
        ResultsError: mlflow is not installed, or the store does not answer or refuses; the text says how to go on.
    """
    began = time.perf_counter()
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    wanted = entries(records, published, measured or {})
    _require_mlflow()
    probe(uri)
    with _settings(), _as_results_error(uri), fresh_store(uri, _client):
        store = _Store(_client(uri), uri)
        for name, group in itertools.groupby(sorted(wanted, key=lambda entry: entry.experiment), _experiment_of):
            store.feed(name, list(group))
    names = tuple(sorted({entry.experiment for entry in wanted}))
    return FeedReport(uri, names, store.added, store.replaced, store.unchanged, time.perf_counter() - began)


def probe(uri: str) -> None:
    """Ask whether the store's server is there, for at most a few seconds; local stores always are.

    Raises:
        ResultsError: nothing answers.
    """
    parts = urllib.parse.urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    try:
        if scheme in ("http", "https"):
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PROBE_SECONDS).close()
        elif scheme in _PORTS and parts.hostname:
            socket.create_connection((parts.hostname, parts.port or _PORTS[scheme]), PROBE_SECONDS).close()
    except urllib.error.HTTPError as error:  # an answer is an answer: a proxy may guard or hide /health
        error.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ResultsError(f"No tracking server answers at {shown(uri)} ({reason}). {_LATER}") from error


def shown(uri: str) -> str:
    """The URI without its password."""
    return re.sub(r"//([^/@:]*):[^/@]*@", r"//\1:***@", uri)


class _Store:
    """One feed's way into one store."""

    def __init__(self, client: Any, uri: str) -> None:
        self._client = client
        self._uri = uri
        self.added = self.replaced = self.unchanged = 0

    def feed(self, experiment: str, wanted: Sequence[Entry]) -> None:
        """Lay the entries of one experiment in; parents come before their runs."""
        id = self._experiment(experiment)
        there = self._there(id)
        ids: dict[str, str] = {}
        for entry in sorted(wanted, key=lambda entry: bool(entry.parent)):
            parent = ids.get(entry.parent, "")
            old = there.get(entry.key)
            if old is not None and _same(old, entry):
                ids[entry.key] = self._keep(old, parent)
                continue
            if old is not None:
                self._client.delete_run(old.info.run_id)
            ids[entry.key] = self._add(id, entry, parent)
            if old is not None:
                self.replaced += 1
                self._adopt(there.values(), old.info.run_id, ids[entry.key])
            else:
                self.added += 1

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name, artifact_location=_artifacts(self._uri, name)))
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _there(self, experiment_id: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token = None
        while True:
            page = self._client.search_runs([experiment_id], f"tags.`{PREFIX}key` != ''", page_token=token)
            found |= {run.data.tags[f"{PREFIX}key"]: run for run in page}
            token = page.token
            if not token:
                return found

    def _keep(self, old: Any, parent: str) -> str:
        if parent and old.data.tags.get(_PARENT) != parent:
            self._client.set_tag(old.info.run_id, _PARENT, parent)
        self.unchanged += 1
        return str(old.info.run_id)

    def _adopt(self, runs: Iterable[Any], old_parent: str, new_parent: str) -> None:
        # Seeds that were not given this time stay nested.
        for run in runs:
            if run.data.tags.get(_PARENT) == old_parent:
                self._client.set_tag(run.info.run_id, _PARENT, new_parent)

    def _add(self, experiment_id: str, entry: Entry, parent: str) -> str:
        now = round(1000 * time.time())
        tags = {f"{PREFIX}digest": entry.digest, **entry.tags}
        tags |= {_PARENT: parent} if parent else {}
        tags |= {_MEMBERS: " ".join(sorted(entry.members))} if entry.members else {}
        # The key comes with the run itself: a feed that is stopped leaves nothing that the next one does not know.
        key = {f"{PREFIX}key": entry.key}
        run = self._client.create_run(experiment_id, entry.start_ms or now, key, entry.name)
        self._log(run.info.run_id, entry, tags, now)
        if entry.artifact is not None:
            self._client.log_artifact(run.info.run_id, str(entry.artifact))
        # Last of all: whoever is stopped before this leaves a run that counts as unfinished and is made anew.
        self._client.set_terminated(run.info.run_id, entry.status, entry.end_ms or now)
        return str(run.info.run_id)

    def _log(self, run_id: str, entry: Entry, tags: Mapping[str, str], now: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(p.key, p.value, p.timestamp_ms or now, p.step) for p in entry.points]
        params = [Param(key, value[:6000]) for key, value in entry.params.items()]
        labels = [RunTag(key, value[:5000]) for key, value in tags.items()]
        calls = max(-(-len(metrics) // _METRICS), -(-len(params) // _OTHERS), -(-len(labels) // _OTHERS))
        for call in range(calls):
            some, others = (slice(call * size, (call + 1) * size) for size in (_METRICS, _OTHERS))
            self._client.log_batch(run_id, metrics=metrics[some], params=params[others], tags=labels[others])


def _same(old: Any, entry: Entry) -> bool:
    if old.info.status in ("RUNNING", "SCHEDULED"):
        return False
    if old.data.tags.get(f"{PREFIX}digest") == entry.digest:
        return True
    covered = set(old.data.tags.get(_MEMBERS, "").split())
    # Fewer seeds than before, or the same ones without a table's values: the parent that is there says more.
    return bool(entry.members) and (entry.members < covered or (entry.members == covered and not entry.given))


def _experiment_of(entry: Entry) -> str:
    return entry.experiment


def _artifacts(uri: str, experiment: str) -> str | None:
    """Beside a local database, as MLflow's default has it; a server decides for itself."""
    path = database(uri)
    if path is None:
        return None
    folder = re.sub(r"\W+", "-", experiment).strip("-")
    return (path.resolve().parent / "mlruns" / folder).as_uri()


def _require_mlflow() -> None:
    if importlib.util.find_spec("mlflow") is None:
        text = (
            "mlflow is not installed: install it with `pip install 'mlflow>=3.13,<4,!=3.18.0'`, or say --no-tracking."
        )
        raise ResultsError(f"{text} {_LATER}")


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow.store.db.utils", "mlflow.store.tracking.sqlalchemy_store"):
        logging.getLogger(name).setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=uri)
    client.get_experiment_by_name("Default")  # the store is opened, and made if need be, by its first use
    return client


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """The settings above where the user has none, for the time of the feed."""
    missing = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _as_results_error(uri: str) -> Iterator[None]:
    """At this border every failure of the store is the same to the user: the runs are safe, and can be fed later."""
    try:
        yield
    except ResultsError:
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlflow":
            raise
        text = (
            "mlflow is not installed: install it with `pip install 'mlflow>=3.13,<4,!=3.18.0'`, or say --no-tracking."
        )
        raise ResultsError(f"{text} {_LATER}") from error
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ResultsError(f"The tracking store {shown(uri)} cannot be used ({reason}). {_LATER}") from error
