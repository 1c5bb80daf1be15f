"""Interrupted and concurrent feeds: the next feed leaves each run once, and writes only what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from results import tracking
from results.errors import ResultsError
from results.published import by_dataset
from results.tracking import feeding, stores
from results.tracking.entries import TrackedEntry, entries
from results.tracking.feeding import PARENT, Store
from tests import needs
from tests.results.samples import write
from tests.stores import new_store

pytestmark = needs.mlflow

NAME = "cifar100 (smoke)"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tracking._client(new_store(tmp_path_factory.mktemp("feeders")))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[TrackedEntry]:
    """Returns entries of two seeds, their parent, and two published rows."""
    out = tmp_path_factory.mktemp("out")
    return entries([write(out, [30.0, 60.0], seed=seed) for seed in (0, 1)], by_dataset(), {})[:5]


@pytest.fixture
def fresh(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Store]]:
    """Makes stores on one server, each without any experiment."""
    from mlflow import entities

    monkeypatch.setattr(feeding, "_artifacts", lambda uri, name: tmp_path.as_uri())
    yield lambda: Store(client, "http://a-server", entities)
    client.rename_experiment(client.get_experiment_by_name(NAME).experiment_id, f"before {tmp_path}")


def once(client: Any, wanted: list[TrackedEntry]) -> dict[str, Any]:
    """Returns the runs by key, after checking that each exists once, has ended, and lies under the remaining parent."""
    stored_runs = client.search_runs([client.get_experiment_by_name(NAME).experiment_id])
    keys = Counter(run.data.tags["benchmarks.key"] for run in stored_runs)
    assert keys == Counter(entry.key for entry in wanted)
    runs = {run.data.tags["benchmarks.key"]: run for run in stored_runs}
    for entry in wanted:
        assert runs[entry.key].info.status == "FINISHED"
        parent = runs[entry.parent].info.run_id if entry.parent else None
        assert runs[entry.key].data.tags.get(PARENT) == parent
    return runs


def test_the_next_feed_removes_runs_stored_twice(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry]
) -> None:
    store = fresh()
    store.feed(NAME, wanted)
    experiment = store._experiment(NAME)
    parent = store._add(experiment, wanted[0], None)
    for entry in wanted[1:]:
        store._add(experiment, entry, parent if entry.parent else None)
    fresh().feed(NAME, wanted)
    once(client, wanted)


def test_seeds_that_are_not_fed_again_stay_under_the_parent(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry]
) -> None:
    fresh().feed(NAME, wanted)
    client.set_tag(once(client, wanted)[wanted[0].key].info.run_id, "benchmarks.digest", "of an earlier version")
    client.set_tag(once(client, wanted)[wanted[0].key].info.run_id, feeding.MEMBERS, "")
    store = fresh()
    store.feed(NAME, wanted[:2])
    assert store.counts == {"added": 0, "replaced": 1, "unchanged": 1}
    once(client, wanted)


def test_a_second_feed_writes_nothing(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh().feed(NAME, wanted)
    calls: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(client, name)

    store = fresh()
    store._client = Counted()
    store.feed(NAME, wanted)
    assert set(calls) == {"get_experiment_by_name", "search_logged_models", "search_runs"}
    assert store.counts == {"added": 0, "replaced": 0, "unchanged": len(wanted)}


@pytest.mark.parametrize("moment", ["_log", "_log_inputs", "_put_extras", "_arrange"])
def test_the_next_feed_completes_an_interrupted_one(
    fresh: Callable[[], Store],
    client: Any,
    wanted: list[TrackedEntry],
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(*arguments: Any) -> None:
        raise OSError("the server was killed")

    with monkeypatch.context() as patch:
        patch.setattr(Store, moment, lost)
        with pytest.raises(OSError, match="killed"):
            fresh().feed(NAME, wanted)
    fresh().feed(NAME, wanted)
    once(client, wanted)


@pytest.mark.parametrize("uri", ["http://me:secret@host", "sqlite:///{folder}/mlflow.db"])
def test_a_store_is_fed_by_one_at_a_time(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    uri = uri.format(folder=tmp_path)
    with stores.locked(uri, lambda uri: None), pytest.raises(ResultsError), stores.locked(uri, lambda uri: None):
        pass
    with stores.locked(uri, lambda uri: None):
        pass
