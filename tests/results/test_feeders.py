"""Several feeds into one store that knows no locks, as a server: whatever they do at once, each run is there once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from results import tracking
from results.published import by_dataset
from results.records.lease import Owner
from results.tracking import feeders, feeding
from results.tracking.entries import TrackedEntry, entries
from results.tracking.feeders import TURN
from results.tracking.feeding import PARENT, Store
from tests.results.samples import write

pytest.importorskip("mlflow")
# MLflow's own use of SQLAlchemy.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning")

NAME = "cifar100 (smoke)"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tracking._client(f"sqlite:///{tmp_path_factory.mktemp('feeders')}/mlflow.db")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[TrackedEntry]:
    """Two seeds, their parent, and two of the papers' rows."""
    out = tmp_path_factory.mktemp("out")
    return entries([write(out, [30.0, 60.0], seed=seed) for seed in (0, 1)], by_dataset(), {})[:5]


@pytest.fixture
def fresh(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Store]]:
    """As many feeds into a store as are wanted, none of which has a lock; its experiment is not there yet."""
    from mlflow import entities

    monkeypatch.setattr(feeding, "_artifacts", lambda uri, name: tmp_path.as_uri())
    for name in ("SILENT_SECONDS", "SETTLE_SECONDS"):  # whoever comes has a turn: what that doubles is mended
        monkeypatch.setattr(feeders, name, 0.0)
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


def test_a_run_that_a_dead_feed_left_half_written_is_made_anew(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry]
) -> None:
    store = fresh()
    store.feed(NAME, wanted)
    client.update_run(once(client, wanted)[wanted[1].key].info.run_id, "RUNNING")
    client.set_experiment_tag(store._experiment(NAME), TURN, "somebody 7")
    fresh().feed(NAME, wanted)
    once(client, wanted)
    assert client.get_experiment(store._experiment(NAME)).tags[TURN] == ""


def test_a_feed_waits_for_the_turn_of_another_and_then_has_nothing_to_write(
    fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has seen that all is missing; when its turn has come all is there, and nothing is deleted."""
    monkeypatch.setattr(feeders, "SILENT_SECONDS", math.inf)
    experiment = fresh()._experiment(NAME)
    client.set_experiment_tag(experiment, TURN, "somebody 7")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            fresh()._lay(experiment, wanted, lambda: client.set_experiment_tag(experiment, TURN, "somebody 8"))
            client.set_experiment_tag(experiment, TURN, "")

    monkeypatch.setattr(feeders, "time", SimpleNamespace(sleep=wait, monotonic=lambda: float(len(waits))))
    store = fresh()
    store.feed(NAME, wanted)
    once(client, wanted)
    assert store.count("unchanged") == len(wanted)
    assert deleted(client) == []


def deleted(client: Any) -> list[Any]:
    from mlflow.entities import ViewType

    return list(client.search_runs([client.get_experiment_by_name(NAME).experiment_id], "", ViewType.DELETED_ONLY))


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
    assert set(calls) == {"get_experiment_by_name", "search_runs"}
    assert deleted(client) == []


def test_what_is_tracked_names_no_machine(fresh: Callable[[], Store], client: Any, wanted: list[TrackedEntry]) -> None:
    fresh().feed(NAME, wanted)
    here = Owner.here()
    names = {here.host, here.machine, here.boot, here.pid_namespace} - {""}
    experiment = client.get_experiment_by_name(NAME)
    said = [*experiment.tags.values(), *(v for run in once(client, wanted).values() for v in run.data.tags.values())]
    assert [text for text in said for name in names if name in text] == []


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
