"""Links to runs in MLflow, read from its SQLite file without mlflow; for other stores a hint where to look."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from reports.site.pages import PageLink
from results.records import Record
from results.tracking.stores import DEFAULT_URI, database, shown
from results.tracking.tags import run_key

SERVER = "http://127.0.0.1:5000"
"""MLflow's own default address."""
FEW = 12
TAG = "benchmarks.run_id"
KEY = "benchmarks.key"
_QUERY = (
    "SELECT t.value, r.run_uuid, r.experiment_id FROM tags t JOIN runs r ON r.run_uuid = t.run_uuid "
    "WHERE t.key = ? AND t.value LIKE 'run:%' AND r.lifecycle_stage = 'active'"
)


@dataclass(frozen=True)
class Tracking:
    """A store. places: our run's key -> (MLflow's experiment, MLflow's run); empty if it cannot be read here."""

    uri: str
    places: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def server(self) -> str:
        return self.uri.rstrip("/") if urlsplit(self.uri).scheme in ("http", "https") else SERVER

    def links(self, runs: Sequence[tuple[str, Record]]) -> tuple[PageLink, ...]:
        """Returns a link per run that the store has. runs: (row's label, record)."""
        links = []
        for label, record in runs:
            if place := self.places.get(run_key(record)):
                address = f"{self.server}/#/experiments/{place[0]}/runs/{place[1]}"
                links.append(PageLink(f"{label}, {record.network}, seed {record.seed}", address))
        return tuple(links)

    def hint(self, runs: Sequence[Record]) -> str:
        """Says how to find the runs, linked or not."""
        if present := sum(run_key(record) in self.places for record in runs):
            where = f"{present} of {len(runs)} runs are in {shown(self.uri)}"
            return f"{where}; the links work while its server runs at {shown(self.server)}."
        ids = ", ".join(f"'{record.id}'" for record in runs[:FEW])
        more = f" ({len(runs) - FEW} more in the list of runs)" if len(runs) > FEW else ""
        return f"In {shown(self.uri)} search for: tags.`{TAG}` IN ({ids}){more}. `python -m benchmarks track` feeds it."


def tracking() -> Tracking:
    """The store that $MLFLOW_TRACKING_URI names, else the default one; read only, without any server."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    path, rows = database(uri), []
    if path is not None and path.is_file():
        with (
            contextlib.suppress(sqlite3.Error, OSError),
            contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as opened,
        ):
            rows = opened.execute(_QUERY, (KEY,)).fetchall()
    return Tracking(uri, {str(key): (str(experiment), str(run)) for key, run, experiment in rows})
