"""Several feeds into one store that knows no locks, as a server: whatever they do at once, each run is there once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from results import tracking
from results.published import by_dataset
from results.records.lease import Owner
from results.tracking import feeding
from results.tracking.entries import TrackedEntry, entries
from results.tracking.feeders import FED, FEEDER, WRITING_SECONDS, Feeder
from results.tracking.feeding import PARENT, Store
from tests.results.samples import write

pytest.importorskip("mlflow")
# MLflow's own use of SQLAlchemy.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning")

NAME = "cifar100 (smoke)"
LIVE = replace(Owner.here(), host="elsewhere")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tracking._client(f"sqlite:///{tmp_path_factory.mktemp('feeders')}/mlflow.db")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[TrackedEntry]:
    """Two seeds, their parent, and the papers' rows."""
    out = tmp_path_factory.mktemp("out")
    return entries([write(out, [30.0, 60.0], seed=seed) for seed in (0, 1)], by_dataset(), {})


@pytest.fixture
def fresh(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Store]]:
    """As many feeds into a store as are wanted, none of which has a lock; its experiment is not there yet."""
    from mlflow import entities

    monkeypatch.setattr(feeding, "_artifacts", lambda uri, name: tmp_path.as_uri())
    monkeypatch.setattr(feeding, "random", SimpleNamespace(uniform=lambda least, most: 0.0))
    yield lambda: Store(client, "http://a-server", entities)
    client.rename_experiment(client.get_experiment_by_name(NAME).experiment_id, f"before {tmp_path}")


def once(client: Any, wanted: list[TrackedEntry]) -> dict[str, Any]:
    """The runs by their keys; each is there once, has ended, and lies under the parent that is left."""
    found = client.search_runs([client.get_experiment_by_name(NAME).experiment_id])
    keys = Counter(run.data.tags["benchmarks.key"] for run in found)
    assert keys == Counter(entry.key for entry in wanted)
    runs = {run.data.tags["benchmarks.key"]: run for run in found}
    for entry in wanted:
        assert runs[entry.key].info.status == "FINISHED"
        parent = runs[entry.parent].info.run_id if entry.parent else None
        assert runs[entry.key].data.tags.get(PARENT) == parent
    return runs


@pytest.mark.parametrize("moment", ["_experiment", "_add", "_log", "_inputs", "_put", "_once", "_nest"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_feed_within_a_feed_doubles_nothing(
    fresh: Callable[[], Store],
    client: Any,
    wanted: list[TrackedEntry],
    moment: str,
    nth: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the first one is about to do when the second comes."""
    first, calls, inner = fresh(), Counter[str](), getattr(Store, moment)

    def meet(store: Store, *arguments: Any) -> Any:
        calls[moment] += store is first
        if store is first and calls[moment] == nth:
            fresh().feed(NAME, wanted)
        return inner(store, *arguments)

    monkeypatch.setattr(Store, moment, meet)
    first.feed(NAME, wanted)
    assert calls[moment]
    once(client, wanted)
    again = fresh()
    again.feed(NAME, wanted)
    assert [again.count(word) for word in ("added", "replaced", "unchanged")] == [0, 0, len(wanted)]


def test_an_experiment_that_comes_meanwhile_is_taken(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = type(client).create_experiment

    def late(client: Any, name: str, *arguments: Any) -> Any:
        monkeypatch.setattr(type(client), "create_experiment", create)
        fresh().feed(NAME, wanted)
        return create(client, name, *arguments)

    monkeypatch.setattr(type(client), "create_experiment", late)
    fresh().feed(NAME, wanted)
    once(client, wanted)


def test_what_was_doubled_before_is_repaired_and_the_oldest_kept(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry]
) -> None:
    store = fresh()
    store.feed(NAME, wanted)
    before = once(client, wanted)
    experiment = store._experiment(NAME)
    parent = store._add(experiment, wanted[0], "")
    for entry in wanted[1:]:
        store._add(experiment, entry, parent if entry.parent else "")
    fresh().feed(NAME, wanted)
    after = once(client, wanted)
    assert {key: run.info.run_id for key, run in after.items()} == {key: run.info.run_id for key, run in before.items()}


@pytest.mark.parametrize(
    ("owner", "age_seconds", "left"),
    [(LIVE, 0, True), (LIVE, 2 * WRITING_SECONDS, False), (replace(Owner.here(), started="1"), 0, False)],
)
def test_a_run_that_another_feed_writes_is_left_to_it_unless_that_is_dead(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry], owner: Owner, age_seconds: float, left: bool
) -> None:
    store = fresh()
    store.feed(NAME, wanted)
    key = wanted[1].key
    run = once(client, wanted)[key].info.run_id
    client.set_tag(run, FEEDER, json.dumps(asdict(owner) | {"nonce": "n"}))
    client.set_tag(run, FED, str(int(client.get_run(run).data.tags[FED]) - round(1000 * age_seconds)))
    client.update_run(run, "RUNNING")
    for _ in range(2):
        fresh().feed(NAME, wanted)
        found = client.search_runs([store._experiment(NAME)], f"tags.`benchmarks.key` = '{key}'")
        assert sorted(one.info.status for one in found) == ["FINISHED", "RUNNING"][: 1 + left]
    if left:  # it comes to its end, and the next feed sees to the rest
        client.set_terminated(run, "FINISHED")
        fresh().feed(NAME, wanted)
    once(client, wanted)


@pytest.mark.parametrize("moment", ["_log", "_inputs", "_put", "_once", "_nest"])
def test_what_a_feed_left_undone_the_next_one_does(
    fresh: Callable[[], Store],
    client: Any,
    wanted: list[TrackedEntry],
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once, in the same process too, although that lives."""

    def lost(*arguments: Any) -> None:
        raise OSError("the server was killed")

    with monkeypatch.context() as patch:
        patch.setattr(Store, moment, lost)
        with pytest.raises(OSError, match="killed"):
            fresh().feed(NAME, wanted)
    fresh().feed(NAME, wanted)
    once(client, wanted)


def test_who_holds_a_store_alone_knows_of_no_other(client: Any) -> None:
    assert not Feeder(alone=True).may_be_writing(run_by(LIVE, client))


def run_by(owner: Owner, client: Any) -> Any:
    from mlflow.entities import RunStatus

    tags = Feeder(alone=False).tags() | {FEEDER: owner.written()}
    run = client.create_run("0", tags=tags)
    assert run.info.status == RunStatus.to_string(RunStatus.RUNNING)
    assert Feeder(alone=False).may_be_writing(run) == (owner.host == "elsewhere")
    return run
