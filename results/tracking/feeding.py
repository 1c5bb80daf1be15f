"""Entries laid into an open store, each once: the client is MLflow's, and nothing here imports mlflow."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from results.records.identity import identity
from results.tracking import view
from results.tracking.entries import TrackedEntry, TrackedInput
from results.tracking.feeders import FED, MEMBERS, Turn, ended, met, rank
from results.tracking.stores import database
from results.tracking.tags import FILES, FILES_DIGEST, PREFIX, search

PARENT = "mlflow.parentRunId"

_ATTEMPTS = 8
_ENTITIES, _PARAMS = 1000, 100
"""What MLflow allows in one log_batch call: of all together, and of params."""

_EXPERIMENT = {
    "mlflow.experimentKind": "custom_model_development",  # else MLflow shows the pages for language models first
    "mlflow.note.content": (
        "Runs named *ours* are means over the seeds nested under them: last values, and curves as far as all seeds "
        "went. Runs named *paper* hold the published values under the same names. What matters first has a name of its "
        "own; all other metrics begin with *system/*, whose charts come last."
    ),
    view.TAG: view.text(),
}


class Store:
    """One feed's way into one store. entities: the module mlflow.entities."""

    def __init__(self, client: Any, uri: str, entities: Any) -> None:
        self._client = client
        self._uri = uri
        self._entities = entities
        self._networks: dict[str, dict[str, str]] = {}
        self._alone = database(uri) is not None
        self._did: dict[tuple[str, str], str] = {}

    def count(self, word: str) -> int:
        """How many entries were "added", "replaced" or "unchanged"."""
        return list(self._did.values()).count(word)

    def feed(self, experiment: str, wanted: Sequence[TrackedEntry]) -> None:
        """Lay the entries of one experiment in, each once, whoever does the same meanwhile."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._feed(self._experiment(experiment), wanted)
                return
            except Exception as error:
                if attempt == _ATTEMPTS or not met(error):
                    raise
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # what was done stays: the rest is laid in

    def _feed(self, id: str, wanted: Sequence[TrackedEntry]) -> None:
        """Write nothing where all is there; else in a turn of this feed's own, unless it has the store alone."""
        if self._all_there(id, wanted):
            for entry in wanted:
                self._did.setdefault((id, entry.key), "unchanged")
        elif self._alone:
            self._lay(id, wanted, lambda: None)
        else:
            turn = Turn(self._client, id)
            with turn.taken():
                self._lay(id, wanted, turn.beat)

    def _all_there(self, id: str, wanted: Sequence[TrackedEntry]) -> bool:
        """Whether each entry has one run, as it should be, under its parent, with its files."""
        found = self._found(id)
        runs = {key: same[0] for key, same in found.items() if len(same) == 1}
        return len(runs) == len(found) and all(
            entry.key in runs
            and _same(runs[entry.key], entry)
            and _files_there(runs[entry.key], entry)
            and (not entry.parent or _under(runs[entry.key], runs.get(entry.parent)))
            for entry in wanted
        )

    def _lay(self, id: str, wanted: Sequence[TrackedEntry], beat: Callable[[], None]) -> None:
        there = self._once(id)
        ids: dict[str, str] = {}
        for entry in sorted(wanted, key=lambda entry: bool(entry.parent)):  # parents come before their runs
            old, word = there.get(entry.key), "added"
            parent = ids.get(entry.parent, "")
            if old is not None and _same(old, entry):
                ids[entry.key], word = self._keep(old, entry, parent), "unchanged"
            else:
                beat()
                if old is not None:
                    self._delete(old)
                    word = "replaced"
                ids[entry.key] = self._add(id, entry, parent)
                if word == "replaced" and old is not None:
                    self._adopt(there.values(), {old.info.run_id: ids[entry.key]})
            self._did.setdefault((id, entry.key), word)
        if not self._alone:
            self._nest(self._once(id), wanted)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name, _artifacts(self._uri, name), _EXPERIMENT))
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        for name, value in _EXPERIMENT.items():
            if found.tags.get(name) != value:  # of an earlier version
                self._client.set_experiment_tag(found.experiment_id, name, value)
        return str(found.experiment_id)

    def _once(self, experiment_id: str) -> dict[str, Any]:
        """The run of each key, of which there is one then."""
        found = self._found(experiment_id)
        heirs: dict[str, str] = {}
        kept: dict[str, Any] = {}
        for key, runs in found.items():
            kept[key], *doubles = sorted(runs, key=rank)
            for run in doubles:
                self._delete(run)
                heirs[run.info.run_id] = kept[key].info.run_id
        self._adopt(kept.values(), heirs)
        return kept

    def _found(self, experiment_id: str) -> dict[str, list[Any]]:
        """All runs of each key."""
        found: dict[str, list[Any]] = {}
        for run in search(self._client, [experiment_id], f"tags.`{PREFIX}key` != ''"):
            found.setdefault(run.data.tags[f"{PREFIX}key"], []).append(run)
        return found

    def _delete(self, run: Any) -> None:
        try:
            self._client.delete_run(run.info.run_id)
        except Exception:
            if self._client.get_run(run.info.run_id).info.lifecycle_stage != "deleted":
                raise  # else another feed was faster

    def _adopt(self, runs: Iterable[Any], heirs: Mapping[str, str]) -> None:
        # Seeds that were not given this time stay nested.
        for run in runs:
            if (heir := heirs.get(run.data.tags.get(PARENT, ""))) is not None:
                self._client.set_tag(run.info.run_id, PARENT, heir)
                run.data.tags[PARENT] = heir

    def _nest(self, there: Mapping[str, Any], wanted: Sequence[TrackedEntry]) -> None:
        """Under the parents that are left: the one that was made here may be gone."""
        for entry in wanted:
            run, parent = there.get(entry.key), there.get(entry.parent)
            if run is not None and parent is not None and run.data.tags.get(PARENT) != parent.info.run_id:
                self._client.set_tag(run.info.run_id, PARENT, parent.info.run_id)

    def _keep(self, old: Any, entry: TrackedEntry, parent: str) -> str:
        if parent and old.data.tags.get(PARENT) != parent:
            self._client.set_tag(old.info.run_id, PARENT, parent)
        if not _files_there(old, entry):
            self._put(old, entry.extras)
            for name, value in _extras(entry).items():
                self._client.set_tag(old.info.run_id, name, value)
        return str(old.info.run_id)

    def _add(self, experiment_id: str, entry: TrackedEntry, parent: str) -> str:
        now = round(1000 * time.time())
        # Tags come with the run itself: a feed that is stopped leaves nothing that the next one does not know.
        tags = {f"{PREFIX}key": entry.key, f"{PREFIX}digest": entry.digest, **entry.tags, **_extras(entry)}
        tags |= {FED: str(now)} | ({PARENT: parent} if parent else {})
        tags |= {MEMBERS: " ".join(sorted(entry.members))} if entry.members else {}
        short = {name: value[:5000] for name, value in tags.items()}
        start = entry.start_ms or now
        run = self._client.create_run(experiment_id, start, short, entry.name[:250])
        self._log(run.info.run_id, entry, now)
        self._inputs(run, entry)
        self._put(run, {**entry.files, **entry.extras})
        for name, content in entry.documents.items():
            self._put_text(run, name, json.dumps(content, indent=2, default=str) + "\n")
        # Last of all: whoever is stopped before this leaves a run that counts as unfinished and is made anew.
        self._client.set_terminated(run.info.run_id, entry.status, max(start, entry.end_ms or now))
        return str(run.info.run_id)

    def _log(self, run_id: str, entry: TrackedEntry, now: int) -> None:
        metric, param = self._entities.Metric, self._entities.Param
        # The latest first: MLflow then need not rewrite a metric's latest value with every epoch.
        metrics = [metric(p.key, p.value, p.timestamp_ms or now, p.step) for p in reversed(entry.points())]
        params = [param(key, value[:6000]) for key, value in entry.params.items()]
        for some, others in _batches(metrics, params):
            self._client.log_batch(run_id, metrics=some, params=others)

    def _inputs(self, run: Any, entry: TrackedEntry) -> None:
        """The data set and the network in MLflow's own fields, where they can be seen and searched for."""
        if entry.dataset is None or entry.network is None:
            return
        data, of = entry.dataset, self._entities
        dataset = of.Dataset(data.name, data.digest, "local", json.dumps(dict(data.about)))
        purpose = of.InputTag("mlflow.data.context", "training and test")
        model = of.LoggedModelInput(self._network(run.info.experiment_id, entry.network))
        self._client.log_inputs(run.info.run_id, [of.DatasetInput(dataset, [purpose])], [model])

    def _network(self, experiment_id: str, network: TrackedInput) -> str:
        """-> the id of the experiment's model of this name; made, without weights, if it is not there."""
        if experiment_id not in self._networks:
            self._networks[experiment_id] = {model.name: model.model_id for model in self._models(experiment_id)}
        known = self._networks[experiment_id]
        if network.name not in known:
            made = self._client.create_logged_model(
                experiment_id,
                network.name,
                tags={f"{PREFIX}weights": "not kept: the model stands for the architecture"},
                params=dict(network.about),
                model_type="architecture",
            )
            self._client.finalize_logged_model(made.model_id, "READY")
            same = [one for one in self._models(experiment_id) if one.name == network.name]
            first = min(same, key=lambda one: (one.creation_timestamp, one.model_id), default=made)
            if first.model_id != made.model_id:  # another feed was faster
                self._client.delete_logged_model(made.model_id)
            known[network.name] = first.model_id
        return known[network.name]

    def _models(self, experiment_id: str) -> list[Any]:
        return list(self._client.search_logged_models([experiment_id], max_results=1000))

    def _put(self, run: Any, files: Mapping[str, Path]) -> None:
        folder = _local(run)
        for name, path in files.items():
            if folder is None:
                self._client.log_artifact(run.info.run_id, str(path), name.rpartition("/")[0] or None)
            else:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / name)

    def _put_text(self, run: Any, name: str, text: str) -> None:
        folder = _local(run)
        if folder is None:
            self._client.log_text(run.info.run_id, text, name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def _batches(metrics: list[Any], params: list[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    """As few calls as MLflow's limits allow."""
    while metrics or params:
        others, params = params[:_PARAMS], params[_PARAMS:]
        room = _ENTITIES - len(others)
        yield metrics[:room], others
        metrics = metrics[room:]


def _extras(entry: TrackedEntry) -> dict[str, str]:
    """Tags that name the extra files, and say by a digest which versions of them are there."""
    if not entry.extras:
        return {}
    contents = [[name, hashlib.sha256(path.read_bytes()).hexdigest()] for name, path in sorted(entry.extras.items())]
    return {FILES: " ".join(sorted(entry.extras)), FILES_DIGEST: identity(contents)}


def _files_there(old: Any, entry: TrackedEntry) -> bool:
    return _extras(entry).get(FILES_DIGEST, "") in ("", old.data.tags.get(FILES_DIGEST))


def _under(run: Any, parent: Any) -> bool:
    return parent is not None and run.data.tags.get(PARENT) == parent.info.run_id


def _same(old: Any, entry: TrackedEntry) -> bool:
    if not ended(old):
        return False
    if old.data.tags.get(f"{PREFIX}digest") == entry.digest:
        return True
    covered = set(old.data.tags.get(MEMBERS, "").split())
    # Fewer seeds than before, or the same ones without a table's values: the parent that is there says more.
    return bool(entry.members) and (entry.members < covered or (entry.members == covered and not entry.given))


def _local(run: Any) -> Path | None:
    """The folder of a run's artifacts if it lies on this machine; MLflow would put files there by copying them too."""
    parts = urlsplit(run.info.artifact_uri)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def _artifacts(uri: str, experiment: str) -> str | None:
    """Beside a local database, as MLflow's default has it; a server decides for itself."""
    path = database(uri)
    if path is None:
        return None
    folder = re.sub(r"\W+", "-", experiment).strip("-")
    return (path.resolve().parent / "mlruns" / folder).as_uri()
