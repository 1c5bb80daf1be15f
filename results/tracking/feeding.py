"""Entries laid into an open store, each once: the client is MLflow's, and nothing here imports mlflow.

Who feeds has the store's lock (`stores.locked`), so that what is read of it holds until it is written.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from results.records import JOURNAL, content_of
from results.records.identity import identity
from results.tracking import names
from results.tracking.entries import TrackedEntry, TrackedInput
from results.tracking.stores import database
from results.tracking.tags import FILES, FILES_DIGEST, PREFIX, SETTINGS, VIEW_TAG, ended, search, view_text

PARENT = "mlflow.parentRunId"
MEMBERS = f"{PREFIX}members"
METRICS, PARAMS = 1000, 100
"""Most metrics, and most params, that MLflow takes in one log_batch call."""

_EXPERIMENT = {
    "mlflow.experimentKind": "custom_model_development",  # else MLflow shows the pages for language models first
    "mlflow.note.content": (
        "Runs named *ours* are means over the seeds nested under them: last values, and curves as far as all seeds "
        "went. Runs named *paper* hold the published values under the same names. What matters first has a name of its "
        "own; all other metrics begin with *system/*, whose charts come last."
    ),
    VIEW_TAG: view_text(),
}


class Store:
    """An open store of which this process has the lock. entities: the module mlflow.entities."""

    def __init__(self, client: Any, uri: str, entities: Any) -> None:
        self._client = client
        self._uri = uri
        self._entities = entities
        self._networks: dict[str, str] = {}
        self.counts = {"added": 0, "replaced": 0, "unchanged": 0}

    def feed(self, experiment: str, wanted: Sequence[TrackedEntry]) -> None:
        """Lay the entries of one experiment in; one that is there, ended and unchanged is left alone."""
        id = self._experiment(experiment)
        models = self._client.search_logged_models([id], max_results=1000)
        self._networks = {model.name: model.model_id for model in models}
        runs = self._once(id)
        words = _words(runs, wanted)
        for entry in sorted(wanted, key=lambda entry: bool(entry.parent)):  # parents come before their runs
            old, parent = runs.get(entry.key), runs.get(entry.parent)
            if old is not None and _same(old, entry):
                word = "unchanged"
                self._nest(old, parent)
                self._put_extras(old, entry)
            else:
                word = "added" if old is None else "replaced"
                if old is not None:
                    self._client.delete_run(old.info.run_id)
                runs[entry.key] = self._add(id, entry, parent, words.get(entry.parent or entry.key, ""))
                self._reparent(runs.values(), old, runs[entry.key])
            self.counts[word] += 1
        parents = {run.info.run_id: key for key, run in runs.items()}
        for key, run in runs.items():
            self._rename(run, words.get(parents.get(run.data.tags.get(PARENT, ""), key), ""))

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name, _artifacts(self._uri, name), _EXPERIMENT))
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        for tag, value in _EXPERIMENT.items():
            if found.tags.get(tag) != value:  # of an earlier version
                self._client.set_experiment_tag(found.experiment_id, tag, value)
        return str(found.experiment_id)

    def _once(self, experiment_id: str) -> dict[str, Any]:
        """Run of each key; of several, as feeds from two machines may leave, one that has ended is kept."""
        runs: dict[str, Any] = {}
        doubles = []
        for run in sorted(search(self._client, [experiment_id], f"tags.`{PREFIX}key` != ''"), key=ended, reverse=True):
            kept = runs.setdefault(run.data.tags[f"{PREFIX}key"], run)
            if kept is not run:
                self._client.delete_run(run.info.run_id)
                doubles.append((run, kept))
        for run, kept in doubles:
            self._reparent(runs.values(), run, kept)
        return runs

    def _nest(self, run: Any, parent: Any) -> None:
        if parent is not None and run.data.tags.get(PARENT) != parent.info.run_id:
            self._client.set_tag(run.info.run_id, PARENT, parent.info.run_id)
            run.data.tags[PARENT] = parent.info.run_id

    def _rename(self, run: Any, words: str) -> None:
        """Say these settings in the name of a run that was there; one that somebody else has named keeps its name."""
        row = run.data.params.get("row", "")  # of a run that was made just now there is none yet, and its name is right
        name = names.with_settings(_base(run), row, words)[:250]
        if row and name != run.info.run_name:
            self._client.set_tag(run.info.run_id, SETTINGS, words)  # first: a name that lacks them is found out
            self._client.update_run(run.info.run_id, name=name)

    def _reparent(self, runs: Iterable[Any], old: Any, new: Any) -> None:
        """Nest under the new run what was nested under the old one, seeds that are not fed now included."""
        for run in runs:
            if old is not None and run.data.tags.get(PARENT) == old.info.run_id:
                self._nest(run, new)

    def _add(self, experiment_id: str, entry: TrackedEntry, parent: Any, words: str = "") -> Any:
        now = round(1000 * time.time())
        # Tags come with the run itself: a feed that is stopped leaves nothing that the next one does not know.
        tags = {f"{PREFIX}key": entry.key, f"{PREFIX}digest": entry.digest, **entry.tags}
        tags |= {MEMBERS: " ".join(sorted(entry.members))} if entry.members else {}
        tags |= {PARENT: parent.info.run_id} if parent is not None else {}
        tags |= {SETTINGS: words} if words else {}
        short = {name: value[:5000] for name, value in tags.items()}
        start = entry.start_ms or now
        name = names.with_settings(entry.name, entry.params["row"], words)
        run = self._client.create_run(experiment_id, start, short, name[:250])
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
        # Last of all: whoever is stopped before this leaves a run that counts as unfinished and is made anew.
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
        """The data set and the network in MLflow's own fields, where they can be seen and searched for."""
        if entry.dataset is None or entry.network is None:
            return
        data, of = entry.dataset, self._entities
        dataset = of.Dataset(data.name, data.digest, "local", json.dumps(dict(data.about)))
        purpose = of.InputTag("mlflow.data.context", "training and test")
        model = of.LoggedModelInput(self._network(run.info.experiment_id, entry.network))
        self._client.log_inputs(run.info.run_id, [of.DatasetInput(dataset, [purpose])], [model])

    def _network(self, experiment_id: str, network: TrackedInput) -> str:
        """Id of the experiment's model of this name; made, without weights, if it is not there."""
        if network.name not in self._networks:
            made = self._client.create_logged_model(
                experiment_id,
                network.name,
                tags={f"{PREFIX}weights": "not kept: the model stands for the architecture"},
                params=dict(network.about),
                model_type="architecture",
            )
            self._client.finalize_logged_model(made.model_id, "READY")
            self._networks[network.name] = made.model_id
        return self._networks[network.name]

    def _put_extras(self, run: Any, entry: TrackedEntry) -> None:
        """Keep the extra files with the run where they are new or changed, and name them in its tags."""
        contents = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(entry.extras.items())}
        digest = identity(contents)
        if contents and run.data.tags.get(FILES_DIGEST) != digest:
            for name, path in entry.extras.items():
                self._client.log_artifact(run.info.run_id, str(path), name.rpartition("/")[0] or None)
            self._client.set_tag(run.info.run_id, FILES, " ".join(contents))
            self._client.set_tag(run.info.run_id, FILES_DIGEST, digest)


def _words(runs: Mapping[str, Any], wanted: Iterable[TrackedEntry]) -> dict[str, str]:
    """Returns the settings that names say of the groups that are in an experiment, or will be, by their keys."""
    there = {key: (_base(run), run.data.params) for key, run in runs.items() if key.startswith("ours:")}
    return names.settings(
        there | {entry.key: (entry.name, entry.params) for entry in wanted if entry.key.startswith("ours:")}
    )


def _base(run: Any) -> str:
    """Returns a run's name without the settings in it."""
    return names.without_settings(run.info.run_name, run.data.params.get("row", ""), run.data.tags.get(SETTINGS, ""))


def _same(old: Any, entry: TrackedEntry) -> bool:
    if not ended(old):
        return False
    if old.data.tags.get(f"{PREFIX}digest") == entry.digest:
        return True
    covered = set(old.data.tags.get(MEMBERS, "").split())
    # Fewer seeds than before, or the same ones without a table's values: the parent that is there says more.
    return bool(entry.members) and (entry.members < covered or (entry.members == covered and not entry.given))


def _artifacts(uri: str, experiment: str) -> str | None:
    """Folder beside a local database, as MLflow's default has it; a server decides for itself."""
    path = database(uri)
    if path is None:
        return None
    folder = re.sub(r"\W+", "-", experiment).strip("-")
    return (path.resolve().parent / "mlruns" / folder).as_uri()
