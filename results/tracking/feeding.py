"""Writes entries into an open store, each once. The client is MLflow's, and nothing here imports mlflow.

The feeding process holds the store's lock (`stores.locked`), so what it has read stays true until it writes.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from results.records import JOURNAL, content_of
from results.records.identity import identity
from results.tracking import names
from results.tracking.entries import TrackedEntry, TrackedInput
from results.tracking.stores import database
from results.tracking.tags import FILES, FILES_DIGEST, LIST_VIEW, NAME, PREFIX, SETTINGS, VIEW_TAG, ended, search

PARENT = "mlflow.parentRunId"
MEMBERS = f"{PREFIX}members"
METRICS, PARAMS = 1000, 100
"""Most metrics, and most params, that MLflow accepts in one log_batch call."""

_EXPERIMENT = {
    "mlflow.experimentKind": "custom_model_development",  # else MLflow shows the pages for language models first
    "mlflow.note.content": (
        "Runs named *ours* are means over the seeds nested under them: last values, and curves as far as all seeds "
        "went. Runs named *paper* hold the published values under the same names. What matters first has a name of its "
        "own; all other metrics begin with *system/*, whose charts come last."
    ),
    VIEW_TAG: json.dumps(LIST_VIEW, separators=(",", ":")),
}


class Store:
    """An open store that this process has locked. entities: the module mlflow.entities."""

    def __init__(self, client: Any, uri: str, entities: Any) -> None:
        self._client = client
        self._uri = uri
        self._entities = entities
        self._networks: dict[str, str] = {}
        self.counts = {"added": 0, "replaced": 0, "unchanged": 0}
        self.journals: set[Path] = set()  # of those added; rows may share runs

    def feed(self, experiment: str, entries: Sequence[TrackedEntry]) -> None:
        """Writes the entries of one experiment; a stored run that ended and is unchanged is kept."""
        id = self._experiment(experiment)
        models = self._client.search_logged_models([id], max_results=1000)
        self._networks = {model.name: model.model_id for model in models}
        stored = list(search(self._client, [id], f"tags.`{PREFIX}key` != ''"))
        runs: dict[str, Any] = {}
        for run in sorted(stored, key=ended, reverse=True):
            if runs.setdefault(run.data.tags[f"{PREFIX}key"], run) is not run:  # a second one, fed by another machine
                self._client.delete_run(run.info.run_id)
        settings = _settings(runs, entries)
        for entry in sorted(entries, key=lambda entry: bool(entry.parent)):  # parents come before their runs
            old = runs.get(entry.key)
            if old is not None and _same(old, entry):
                self._put_extras(old, entry)
                self.counts["unchanged"] += 1
                continue
            if old is not None:
                self._client.delete_run(old.info.run_id)
            words = settings.get(entry.parent or entry.key, "")
            runs[entry.key] = self._add(id, entry, runs.get(entry.parent), words)
            self.counts["added" if old is None else "replaced"] += 1
            if old is None and entry.journal is not None:
                self.journals.add(entry.journal)
        keys = {run.info.run_id: run.data.tags[f"{PREFIX}key"] for run in stored}  # of runs deleted by now, too
        group_of = {key: keys.get(run.data.tags.get(PARENT, ""), "") for key, run in runs.items()}
        self._arrange(runs, group_of | {entry.key: entry.parent for entry in entries}, settings)

    def _arrange(self, runs: Mapping[str, Any], group_of: Mapping[str, str], settings: Mapping[str, str]) -> None:
        """Moves each run under its group's parent and updates its name. Runs that earlier feeds stored are included."""
        for key, run in runs.items():
            parent = runs.get(group_of[key])
            if parent is not None and run.data.tags.get(PARENT) != parent.info.run_id:
                self._client.set_tag(run.info.run_id, PARENT, parent.info.run_id)
            self._rename(run, settings.get(group_of[key] or key, ""))

    def _experiment(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            return str(self._client.create_experiment(name, _artifacts(self._uri, name), _EXPERIMENT))
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        for tag, value in _EXPERIMENT.items():
            if experiment.tags.get(tag) != value:  # of an earlier version
                self._client.set_experiment_tag(experiment.experiment_id, tag, value)
        return str(experiment.experiment_id)

    def _rename(self, run: Any, words: str) -> None:
        """Puts these settings into a run's name, unless a user has named it."""
        base, row, before = run.data.tags.get(NAME), run.data.params.get("row", ""), run.data.tags.get(SETTINGS, "")
        if base is None or before == words:
            return
        name = names.with_settings(base, row, words)[:250]
        if run.info.run_name in (name, names.with_settings(base, row, before)[:250]):
            self._client.update_run(run.info.run_id, name=name)
            self._client.set_tag(run.info.run_id, SETTINGS, words)

    def _add(self, experiment_id: str, entry: TrackedEntry, parent: Any, words: str = "") -> Any:
        now = round(1000 * time.time())
        # Tags come with the run itself: a feed that is stopped leaves nothing that the next one does not know.
        tags = {
            f"{PREFIX}key": entry.key,
            f"{PREFIX}digest": entry.digest,
            NAME: entry.name,
            SETTINGS: words,
            MEMBERS: " ".join(sorted(entry.members)),
            PARENT: parent.info.run_id if parent is not None else "",
            **entry.tags,
        }
        tags = {name: value[:5000] for name, value in tags.items() if value}
        start = entry.start_ms or now
        name = names.with_settings(entry.name, entry.params["row"], words)
        run = self._client.create_run(experiment_id, start, tags, name[:250])
        self._log(run.info.run_id, entry, now)
        self._log_inputs(run, entry)
        if entry.journal is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / JOURNAL
                path.write_bytes(content_of(entry.journal))
                self._client.log_artifact(run.info.run_id, str(path))
        for name, content in entry.documents.items():
            self._client.log_text(run.info.run_id, json.dumps(content, indent=2, default=str) + "\n", name)
        self._put_extras(run, entry)
        # Last: a feed that is stopped before leaves a run that counts as unfinished and is made anew.
        self._client.set_terminated(run.info.run_id, entry.status, max(start, entry.end_ms or now))
        return run

    def _log(self, run_id: str, entry: TrackedEntry, now: int) -> None:
        metric, param = self._entities.Metric, self._entities.Param
        params = [param(key, value[:6000]) for key, value in entry.params.items()]
        # The latest first: MLflow then need not rewrite a metric's latest value with every epoch.
        metrics = [metric(p.key, p.value, p.timestamp_ms or now, p.step) for p in reversed(entry.points())]
        for first in range(0, len(params), PARAMS):
            self._client.log_batch(run_id, params=params[first : first + PARAMS])
        for first in range(0, len(metrics), METRICS):
            self._client.log_batch(run_id, metrics=metrics[first : first + METRICS])

    def _log_inputs(self, run: Any, entry: TrackedEntry) -> None:
        """Writes data set and network into MLflow's own fields, which its pages show and search."""
        if entry.dataset is None or entry.network is None:
            return
        data, entities = entry.dataset, self._entities
        dataset = entities.Dataset(data.name, data.digest, "local", json.dumps(dict(data.about)))
        purpose = entities.InputTag("mlflow.data.context", "training and test")
        model = entities.LoggedModelInput(self._network(run.info.experiment_id, entry.network))
        self._client.log_inputs(run.info.run_id, [entities.DatasetInput(dataset, [purpose])], [model])

    def _network(self, experiment_id: str, network: TrackedInput) -> str:
        """Returns the id of the experiment's model of this name; creates it, without weights, if missing."""
        if network.name not in self._networks:
            model = self._client.create_logged_model(
                experiment_id,
                network.name,
                tags={f"{PREFIX}weights": "not kept: the model stands for the architecture"},
                params=dict(network.about),
                model_type="architecture",
            )
            self._client.finalize_logged_model(model.model_id, "READY")
            self._networks[network.name] = model.model_id
        return self._networks[network.name]

    def _put_extras(self, run: Any, entry: TrackedEntry) -> None:
        """Keeps the extra files with the run if they are new or changed, and names them in its tags."""
        contents = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(entry.extras.items())}
        digest = identity(contents)
        if contents and run.data.tags.get(FILES_DIGEST) != digest:
            for name, path in entry.extras.items():
                self._client.log_artifact(run.info.run_id, str(path), name.rpartition("/")[0] or None)
            self._client.set_tag(run.info.run_id, FILES, " ".join(contents))
            self._client.set_tag(run.info.run_id, FILES_DIGEST, digest)


def _settings(runs: Mapping[str, Any], entries: Sequence[TrackedEntry]) -> dict[str, str]:
    """Returns words for the names of the groups that an experiment has or will have, by their keys."""
    stored = {key: (run.data.tags.get(NAME, run.info.run_name), run.data.params) for key, run in runs.items()}
    groups = stored | {entry.key: (entry.name, entry.params) for entry in entries}
    return names.settings({key: group for key, group in groups.items() if key.startswith("ours:")})


def _same(old: Any, entry: TrackedEntry) -> bool:
    """Whether the stored run is up to date with the entry."""
    if not ended(old):
        return False
    members = set(old.data.tags.get(MEMBERS, "").split())
    # Fewer seeds than before, or the same ones without a table's values: the parent that is there says more.
    says_more = entry.members < members or (entry.members == members and not entry.given)
    return old.data.tags.get(f"{PREFIX}digest") == entry.digest or (bool(entry.members) and says_more)


def _artifacts(uri: str, experiment: str) -> str | None:
    """URI of a folder beside a local database, as by MLflow's default; None: a server decides."""
    path = database(uri)
    if path is None:
        return None
    folder = re.sub(r"\W+", "-", experiment).strip("-")
    return (path.resolve().parent / "mlruns" / folder).as_uri()
