from __future__ import annotations

import math
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from results import tracking
from results.errors import ResultsError
from results.groups import runs_of
from results.published import by_dataset
from results.records import Record
from results.statistics import summary
from results.tracking import DEFAULT_URI, feed, feeding, probe, shown, stores
from tests import needs
from tests.programs import start
from tests.results.samples import records, write
from tests.stores import new_store

pytestmark = needs.mlflow

ENTRIES_PER_NETWORK = 7  # paper rows of CIFAR-100's ResNet-18: four methods, ddp, bp, pdasgd


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture(scope="module")
def uri(folder: Path) -> str:
    return new_store(folder)


@pytest.fixture(scope="module")
def fed(folder: Path, uri: str) -> Path:
    """A folder of results with every kind of end, fed once."""
    out = folder / "out"
    for seed, top in enumerate((61.0, 62.0, 63.0)):
        write(out, [30.0, top], seed=seed)
    write(out, [20.0, 41.5], method="lapsgd", seed=0, updaters=2, row="lapsgd@updaters=2")
    write(out, [20.0, math.nan], method="ddp", seed=0, status="diverged")
    write(out, [20.0], method="bp", seed=0, status="failed")
    write(out, [20.0], method="bp", seed=1, status=None)
    report = feed(records(out), published=by_dataset(), uri=uri)
    assert (report.added, report.replaced, report.unchanged) == (7 + 4 + ENTRIES_PER_NETWORK, 0, 0)
    assert (report.runs, report.created) == (7, False)
    assert report.experiments == ("cifar100 (smoke)",)
    return out


@pytest.fixture
def runs(fed: Path, uri: str) -> dict[str, Any]:
    return stored(uri)


def stored(uri: str, experiment: str = "cifar100 (smoke)") -> dict[str, Any]:
    client = tracking._client(uri)
    stored_runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert len({run.info.run_name for run in stored_runs}) == len(stored_runs)
    return {run.info.run_name: run for run in stored_runs}


def test_feeding_again_changes_nothing(fed: Path, uri: str, runs: dict[str, Any]) -> None:
    expected = 7 + 4 + ENTRIES_PER_NETWORK  # other tests feed the store as well
    report = feed(records(fed), published=by_dataset(), uri=uri)
    assert (report.added, report.replaced, report.unchanged) == (0, 0, expected)
    assert {run.info.run_id for run in stored(uri).values()} == {run.info.run_id for run in runs.values()}
    assert report.runs == 0


def test_only_what_finished_is_finished(runs: dict[str, Any]) -> None:
    status = {name: run.info.status for name, run in runs.items()}
    assert status["async_lu seed 0, resnet18"] == "FINISHED"
    for name, words in (("ddp seed 0, resnet18", "true"), ("ddp ours, resnet18, 1 seed", "1 of 1 runs")):
        assert status[name] == "FAILED"
        assert runs[name].data.tags["benchmarks.diverged"] == words
    assert runs["ddp seed 0, resnet18"].data.tags["benchmarks.status"] == "diverged"
    assert status["bp seed 0, resnet18"] == "FAILED"
    assert status["bp seed 1, resnet18"] == "KILLED"
    assert status["bp ours, resnet18, no finished run"] == "FAILED"


def test_seeds_are_nested_under_a_parent_with_mean_and_std(runs: dict[str, Any]) -> None:
    parent = runs["async_lu ours, resnet18, 3 seeds"]
    for seed in range(3):
        assert runs[f"async_lu seed {seed}, resnet18"].data.tags["mlflow.parentRunId"] == parent.info.run_id
    metrics = parent.data.metrics
    assert (metrics["accuracy_percent"], metrics["system/accuracy_percent_std"]) == (62.0, 1.0)
    assert (metrics["best_accuracy_percent"], metrics["system/best_accuracy_percent_std"]) == (62.0, 1.0)
    # Of the rows that the paper has only this one has finished: 61 %, in the second epoch, after 4 s. The variant of
    # LAP-SGD is worse, and sets no target.
    assert (metrics["system/target_percent"], metrics["time_to_target_seconds"], metrics["epochs_to_target"]) == (
        61.0,
        4.0,
        2.0,
    )
    assert "mlflow.parentRunId" not in parent.data.tags
    assert "| `best_accuracy_percent` | 73.9 ± 0.38 | 62 ± 1 (3) |" in parent.data.tags["mlflow.note.content"]


def test_paper_and_reproduction_have_the_same_keys(runs: dict[str, Any]) -> None:
    reproduction, paper = runs["async_lu ours, resnet18, 3 seeds"], runs["async_lu paper, resnet18"]
    table = {"time_to_target_seconds", "epochs_to_target", "best_accuracy_percent"}
    keys = table | {f"system/{name}_std" for name in (*table, "time_to_best_seconds")} | {"system/time_to_best_seconds"}
    assert keys <= set(reproduction.data.metrics) & set(paper.data.metrics)
    assert paper.data.metrics["time_to_target_seconds"] == 226.4
    for key in ("network", "row"):
        assert reproduction.data.params[key] == paper.data.params[key]
    assert (reproduction.data.params["source"], paper.data.params["source"]) == ("reproduced", "paper")
    assert [paper.data.params[key] for key in ("executor", "device", "hardware.name")] == ["published"] * 3


def test_curves_have_epochs_as_steps_and_specs_are_params(runs: dict[str, Any], uri: str) -> None:
    run = runs["lapsgd u2 seed 0, resnet18"]
    history = tracking._client(uri).get_metric_history(run.info.run_id, "accuracy_percent")
    assert [(point.step, point.value) for point in history] == [(1, 20.0), (2, 41.5)]
    assert [point.timestamp - run.info.start_time for point in history] == [4000, 8000]
    assert run.data.params["method.options.updaters"] == "2"
    assert run.data.params["workload.optimizer.momentum"] == "0.9"
    assert run.data.tags["mlflow.source.git.commit"] == "0f" * 20
    assert run.data.metrics["staleness/stem/updates"] == 2.0


def test_values_that_are_not_finite_stay_in_the_journal(runs: dict[str, Any], uri: str) -> None:
    run = runs["ddp seed 0, resnet18"]
    client = tracking._client(uri)
    assert [point.step for point in client.get_metric_history(run.info.run_id, "accuracy_percent")] == [1]
    assert run.data.tags["benchmarks.not_finite"] == "accuracy_percent"
    assert run.data.params["diverged"] == "true"
    assert all(math.isfinite(value) and value < 1e300 for value in run.data.metrics.values())
    assert [artifact.path for artifact in client.list_artifacts(run.info.run_id)] == ["config.json", "journal.jsonl"]
    parent = runs["ddp ours, resnet18, 1 seed"]
    assert "accuracy_percent: 0 of 1 runs" in parent.data.tags["benchmarks.censored"]
    assert parent.data.metrics["system/time_to_target_seconds_at_least"] == 4.0


def test_changed_journals_replace_their_runs(folder: Path, uri: str) -> None:
    out = folder / "changing"
    spec: dict[str, Any] = {"network": "resnet50", "executor": "threads"}

    def names() -> set[str]:
        return {name for name in stored(uri) if "resnet50" in name and " paper, " not in name}

    interrupted: Record = write(out, [30.0], seed=0, status="interrupted", **spec)
    feed([interrupted], published={}, uri=uri)
    assert names() == {"async_lu ours, resnet50, no finished run, threads", "async_lu seed 0, resnet50, threads"}

    finished = [write(out, [30.0, 40.0], seed=seed, **spec) for seed in (0, 1)]
    report = feed(finished, published={}, uri=uri)
    assert (report.added, report.replaced) == (1, 2)
    parent = "async_lu ours, resnet50, 2 seeds, threads"
    assert names() == {parent, "async_lu seed 0, resnet50, threads", "async_lu seed 1, resnet50, threads"}

    smaller_report = feed(finished[:1], published={}, uri=uri)
    assert (smaller_report.added, smaller_report.replaced, smaller_report.unchanged) == (0, 0, 2)
    assert parent in names()

    measured = {runs_of("async_lu", finished): {"relative_speedup": summary([1.5, 2.5])}}
    assert feed(finished, published={}, uri=uri, measured=measured).replaced == 1
    runs = stored(uri)
    assert runs[parent].data.metrics["relative_speedup"] == 2.0
    for seed in (0, 1):
        run = runs[f"async_lu seed {seed}, resnet50, threads"]
        assert run.data.tags["mlflow.parentRunId"] == runs[parent].info.run_id
    assert feed(finished, published={}, uri=uri).unchanged == 3


def test_a_second_setting_names_both_and_one_that_was_there_before_is_renamed(folder: Path, uri: str) -> None:
    """A run renamed by a user keeps its name, and nothing is written twice."""
    spec: dict[str, Any] = {"network": "resnet20", "method": "lsgd"}
    first_runs = [write(folder / "one", [30.0, 40.0], seed=seed, updaters=1, **spec) for seed in (0, 1)]
    feed(first_runs, published={}, uri=uri)
    client, before = tracking._client(uri), {n: r for n, r in stored(uri).items() if "resnet20" in n}
    own_name = "lsgd seed 1, my favourite"  # beginning as ours do
    client.update_run(before["lsgd seed 1, resnet20"].info.run_id, name=own_name)
    all_runs = [*first_runs, write(folder / "two", [50.0], updaters=4, **spec)]
    report = feed(all_runs, published={}, uri=uri)
    assert (report.added, report.replaced, report.unchanged) == (2, 0, 3)
    after = stored(uri)
    assert {name for name in after if "resnet20" in name} == {
        "lsgd updaters=1 ours, resnet20, 2 seeds",
        "lsgd updaters=1 seed 0, resnet20",
        "lsgd updaters=4 ours, resnet20, 1 seed",
        "lsgd updaters=4 seed 0, resnet20",
    }
    parent = after["lsgd updaters=1 ours, resnet20, 2 seeds"]
    assert parent.info.run_id == before["lsgd ours, resnet20, 2 seeds"].info.run_id
    assert parent.data.metrics == before["lsgd ours, resnet20, 2 seeds"].data.metrics
    assert after[own_name].info.run_id == before["lsgd seed 1, resnet20"].info.run_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(client), "update_run", None)
        patch.setattr(type(client), "set_tag", None)
        assert feed(all_runs[:1], published={}, uri=uri).unchanged == 2
        assert feed(all_runs, published={}, uri=uri).unchanged == 5


def test_a_feed_that_was_stopped_is_made_good(folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = write(folder / "stopped", [50.0], method="lppsgd", network="resnet34")
    with monkeypatch.context() as patch:
        patch.setattr(feeding.Store, "_log", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            feed([record], published={}, uri=uri)
    assert feed([record], published={}, uri=uri).replaced == 1
    assert {run.info.status for name, run in stored(uri).items() if "resnet34" in name} == {"FINISHED"}


@pytest.mark.slow
def test_two_processes_may_create_one_store(tmp_path: Path, checkout: Path) -> None:
    for seed in (0, 1):
        write(tmp_path / f"out{seed}", [50.0], seed=seed, network=f"net{seed}")
    program = (
        "import sys; from pathlib import Path; from benchmarks.views.journals import read;"
        "from results.tracking import feed;"
        "print(feed(read(Path(sys.argv[1])).records, published={}).added)"
    )
    environment = {"PYTHONPATH": str(checkout), "PATH": "", "HOME": str(tmp_path)}
    writers = [start([sys.executable, "-c", program, f"out{seed}"], cwd=tmp_path, env=environment) for seed in (0, 1)]
    outputs = [writer.communicate(timeout=300) for writer in writers]
    assert outputs == [("2\n", ""), ("2\n", "")]
    assert len(stored(f"sqlite:///{tmp_path}/mlflow.db")) == 4
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"mlflow.db", "mlruns"}  # MLflow's own default, so that a bare `mlflow ui` finds it
    assert "mlflow.db.unfinished" not in names


def test_a_server_that_is_not_there_fails_fast(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    with pytest.raises(ResultsError, match=r"No tracking server answers at http.*python -m benchmarks track"):
        feed([write(tmp_path, [1.0])], published={}, uri=f"http://127.0.0.1:{port}")
    assert time.perf_counter() - began < 60  # with the retries of MLflow it would be minutes


def test_a_server_that_never_answers_fails_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ResultsError, match="timed out"):
            probe(f"http://127.0.0.1:{port}")
    with pytest.raises(ResultsError, match=r"at postgresql://127.0.0.1"):
        probe(f"postgresql+psycopg2://me:secret@127.0.0.1:{port}/runs".replace("+psycopg2", ""))


def test_a_file_that_is_no_database_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to be looked at as one" * 40)
    with pytest.raises(ResultsError, match="no usable SQLite database"):
        feed([], published={}, uri=f"sqlite:///{tmp_path}/x.db")


def test_a_store_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    path, marker = tmp_path / "x.db", tmp_path / "x.db.unfinished"

    def stop(uri: str) -> None:
        path.write_text("half a store")
        raise KeyboardInterrupt

    def make(uri: str) -> None:
        assert not path.exists()
        path.write_text(uri)

    with pytest.raises(KeyboardInterrupt), stores.locked(f"sqlite:///{path}", stop):
        pass
    assert marker.exists()
    with stores.locked(f"sqlite:///{path}", make) as created:
        assert created
        assert path.read_text() == f"sqlite:///{path}"
    assert not marker.exists()


def test_a_new_store_is_synchronised_once_and_an_existing_one_at_each_commit(tmp_path: Path) -> None:
    import sqlalchemy

    uri, engine = f"sqlite:///{tmp_path}/x.db", sqlalchemy.create_engine(f"sqlite:///{tmp_path}/x.db")

    def write(statement: str = "CREATE TABLE things (id INTEGER)") -> int:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement))
            return int(connection.execute(sqlalchemy.text("PRAGMA synchronous")).scalar_one())

    with stores.locked(uri, lambda uri: write()) as created:
        assert created
        assert write("INSERT INTO things VALUES (1)") == 0
    assert write("INSERT INTO things VALUES (2)") == 2
    with stores.locked(uri, lambda uri: pytest.fail("it is there")) as created:
        assert not created
        assert write("INSERT INTO things VALUES (3)") == 2


def test_a_run_that_two_rows_share_is_counted_once(tmp_path: Path) -> None:
    record = write(tmp_path / "out", [30.0, 60.0])
    report = feed([record, record.as_row("another", "")], published={}, uri=new_store(tmp_path))
    assert (report.added, report.runs) == (4, 1)


def test_passwords_are_not_shown() -> None:
    for user in ("me:secret", "token", "me:p@ss"):
        assert shown(f"https://{user}@host/x") == "https://host/x"
    assert shown(DEFAULT_URI) == DEFAULT_URI
