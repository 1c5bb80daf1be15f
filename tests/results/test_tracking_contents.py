"""Contents of tracked runs besides metrics, fetched journals, and hostile texts."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from results import tracking
from results.errors import ResultsError
from results.published import by_dataset
from results.records import JOURNAL, Record, folder_of, read
from results.records.identity import run_id
from results.records.journal import Journal
from results.records.spec import Labels
from results.tracking import feed, fetch
from tests import needs
from tests.results.samples import records, spec_of, write
from tests.stores import new_store

pytestmark = needs.mlflow

HOSTILE = "<script>alert(1)</script> | ../.."


TABLE, PICTURE = "tables/smoke-virtual-paper-a/table3.csv", "figures/smoke-virtual-paper-a/figure2.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contents")


@pytest.fixture(scope="module")
def uri(folder: Path) -> str:
    return new_store(folder)


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, list[Path]]:
    """A table and a picture that show every run of the store."""
    paths = [folder / "out" / name for name in (TABLE, PICTURE)]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"contents of " + path.name.encode())
    return {"every run": paths}


@pytest.fixture(scope="module")
def fed(folder: Path, uri: str, files: dict[str, list[Path]]) -> list[Record]:
    out = folder / "out"
    write(out, [10.0, 20.0, 60.0], seed=0)
    write(out, [20.0, 40.0], seed=1)
    hostile(out)
    fed_records = records(out)
    feed(
        fed_records,
        published=by_dataset(),
        uri=uri,
        artifacts={record.id: files["every run"] for record in fed_records},
    )
    return fed_records


def hostile(out: Path) -> Record:
    """A failed run without an evaluation, whose free texts are all markup or paths."""
    options: dict[str, Any] = {HOSTILE: "x", "..": "y", "a//b": "z"}
    spec = spec_of(method="hogwild", **options)
    spec = spec.model_copy(update={"workload": spec.workload.model_copy(update={"dataset": HOSTILE})})
    labels = Labels(row=HOSTILE, method_title=HOSTILE, network_label=HOSTILE)
    folder = folder_of(out, run_id(spec))
    with Journal.create(folder, id=run_id(spec), spec=spec, environment={}, labels=labels) as journal:
        journal.end("failed", reason=HOSTILE, staleness=[{"layer": "../x", "updates": math.inf}])
    return read(journal.path)


def stored(uri: str) -> dict[str, Any]:
    with tracking.opened(uri) as client:
        return {run.info.run_name: run for run in client.search_runs(["1"])}


def below(run: Any) -> dict[str, bytes]:
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_parent_keeps_its_configuration_and_the_files_that_show_it(fed: list[Record], uri: str) -> None:
    contents = below(stored(uri)["async_lu digit-pairs ours, resnet18, 2 seeds"])
    assert set(contents) == {"config.json", TABLE, PICTURE}
    assert contents[TABLE] == b"contents of table3.csv"
    assert json.loads(contents["config.json"]) == fed[0].spec.document(without=("seed",))


def test_a_run_keeps_its_journal_and_the_paper_its_values(fed: list[Record], uri: str) -> None:
    runs = stored(uri)
    contents = below(runs["async_lu digit-pairs seed 0, resnet18"])
    assert contents["journal.jsonl"] == fed[0].path.read_bytes()
    assert json.loads(contents["config.json"]) == fed[0].spec.document()
    published = json.loads(below(runs["async_lu paper, resnet18"])["published.json"])
    assert published["time_to_target_seconds"]["mean"] == 226.4


def test_files_that_changed_are_kept_anew_under_the_same_run(
    fed: list[Record], uri: str, files: dict[str, list[Path]]
) -> None:
    name = "async_lu digit-pairs ours, resnet18, 2 seeds"
    earlier_id, table = stored(uri)[name].info.run_id, files["every run"][0]
    contents = table.read_bytes()
    table.write_bytes(b"another")
    report = feed(fed, published=by_dataset(), uri=uri, artifacts={record.id: files["every run"] for record in fed})
    assert (report.added, report.replaced) == (0, 0)
    run = stored(uri)[name]
    assert run.info.run_id == earlier_id
    assert below(run)[TABLE] == b"another"
    assert feed(fed, published=by_dataset(), uri=uri).replaced == 0
    assert run.data.tags["benchmarks.files"] == f"{PICTURE} {TABLE}"
    table.write_bytes(contents)  # for the tests that share the store
    feed(fed, published=by_dataset(), uri=uri, artifacts={record.id: files["every run"] for record in fed})


def test_parents_have_the_mean_curve_as_far_as_all_seeds_went(fed: list[Record], uri: str) -> None:
    run = stored(uri)["async_lu digit-pairs ours, resnet18, 2 seeds"]
    with tracking.opened(uri) as client:
        history = client.get_metric_history(run.info.run_id, "accuracy_percent")
    assert [(point.step, point.value) for point in history] == [(1, 15.0), (2, 30.0), (3, 50.0)]
    assert run.data.metrics["accuracy_percent"] == 50.0


def test_markup_in_a_run_is_text_and_no_path(fed: list[Record], uri: str) -> None:
    runs = stored(uri)
    [seed_run] = [run for name, run in runs.items() if name.startswith("<script>") and " seed 0" in name]
    note = seed_run.data.tags["mlflow.note.content"]
    assert "<script>" not in note
    assert "&lt;script&gt;" in note
    assert "No epoch was evaluated" in note
    assert seed_run.info.status == "FAILED"
    assert seed_run.data.tags["benchmarks.not_finite"] == "staleness_.._x_updates"
    assert seed_run.data.metrics == {}
    assert {"method.options...", "method.options.a__b"} <= set(seed_run.data.params)


def test_a_store_gives_its_journals_back(fed: list[Record], uri: str, tmp_path: Path) -> None:
    out = tmp_path / "fetched"
    assert fetch(uri, out) == 3
    assert records(out) == [*map(read, sorted(out.glob(f"runs/*/{JOURNAL}"), key=_started))]
    assert {record.id: record.path.read_bytes() for record in records(out)} == {
        record.id: record.path.read_bytes() for record in fed
    }
    assert fetch(uri, out) == 0


def _started(path: Path) -> tuple[str, str]:
    record = read(path)
    return record.started, record.id


def test_what_is_at_hand_goes_before_what_is_fetched(fed: list[Record], uri: str, tmp_path: Path) -> None:
    cut, complete = (folder_of(tmp_path, fed_record.id) / JOURNAL for fed_record in fed[:2])
    for path, record in ((cut, fed[0]), (complete, fed[1])):
        path.parent.mkdir(parents=True)
        shutil.copyfile(record.path, path)
    cut.write_bytes(cut.read_bytes()[:-40])
    modified = complete.stat().st_mtime_ns
    assert fetch(uri, tmp_path) == 2  # the hostile one, and the one that was cut
    assert read(cut).complete
    assert cut.with_name("journal.interrupted-1.jsonl").exists()
    assert complete.stat().st_mtime_ns == modified


def test_a_run_that_is_being_trained_is_not_fetched(fed: list[Record], uri: str, tmp_path: Path) -> None:
    first = fed[0]
    folder = folder_of(tmp_path, first.id)
    with Journal.create(folder, id=first.id, spec=first.spec, environment={}, labels=first.labels) as journal:
        assert fetch(uri, tmp_path) == 2
        journal.end("interrupted")
    assert read(folder / JOURNAL).status == "interrupted"
    assert fetch(uri, tmp_path) == 1


def test_a_journal_that_was_tampered_with_is_left_out(fed: list[Record], uri: str, tmp_path: Path) -> None:
    path = (
        Path(stored(uri)["async_lu digit-pairs seed 1, resnet18"].info.artifact_uri.removeprefix("file://")) / JOURNAL
    )
    content = path.read_bytes()
    messages: list[str] = []
    try:
        path.write_bytes(content.replace(b'"momentum":0.9', b'"momentum":0.5'))
        assert fetch(uri, tmp_path / "a", messages.append) == 2
        path.write_bytes(b"no journal\n")
        assert fetch(uri, tmp_path / "b", messages.append) == 2
        path.unlink()
        assert fetch(uri, tmp_path / "c", messages.append) == 2
    finally:
        path.write_bytes(content)
    assert [message.partition("seed 1, resnet18'")[2][:19] for message in messages] == [
        " in the store is le",
        " in the store is le",
        " cannot be fetched ",
    ]


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"There is no store at .*x.db: run a table, or feed"):
        fetch(f"sqlite:///{tmp_path}/x.db", tmp_path)
    assert not list(tmp_path.iterdir())
