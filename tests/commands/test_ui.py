"""`ui`: links before anything else, a server of its own that ends with it, and sentences where there is nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.commands import ui
from benchmarks.errors import UserError
from benchmarks.views import tracked as feeding
from results.errors import ResultsError
from results.measures import of_runs
from results.published import PublishedLine, by_dataset
from results.tables import Conditions, ResultCell, ResultRow, ResultTable, files
from results.tracking import feed, opened, serving, tags, tracked
from tests import needs
from tests.commands.commands import CHECKOUT, Cli, alive, until
from tests.papers.test_audit import SILENT
from tests.programs import start
from tests.results.samples import made_elsewhere, records, write
from tests.stores import new_store

pytestmark = needs.mlflow


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rows of table 3 on one network, tracked in mlflow.db beside."""
    out = tmp_path_factory.mktemp("ui") / "out"
    assert new_store(out.parent) == store(out)
    for method in ("async_lu", "async_bu"):
        write(out, [30.0, 60.0], method=method)
    feed(records(out), published=by_dataset(), uri=store(out))
    return out


def store(out: Path) -> str:
    return f"sqlite:///{out.parent}/mlflow.db"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """No server is started; the ports that one was wanted at."""
    ports: list[int] = []

    @contextlib.contextmanager
    def pretend(uri: str, port: int) -> Iterator[serving.Server]:
        ports.append(port)
        yield serving.Server(f"http://127.0.0.1:{port}")

    monkeypatch.setattr(serving, "server", pretend)
    return ports


def said(out: Path, *names: str, uri: str | None = None, port: int = 5000) -> str:
    console = Console(file=io.StringIO(), width=80)
    assert ui.ui(out, uri or store(out), port, False, console, names) == 0
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def compared(out: Path, text: str) -> list[list[str]]:
    """Names of the runs that each link to the compare page has."""
    names = {run.run_id: run.name for run in tracked(store(out), ("ours", "paper"))}
    links = [line for line in text.splitlines() if "/compare-runs" in line]
    return [[names[id] for id in re.findall(r"[0-9a-f]{32}", urllib.parse.unquote(line))] for line in links]


def view(out: Path, text: str) -> tuple[str, dict[str, Any]]:
    """The first chart's link, and the view that it opens."""
    link = next(line.strip() for line in text.splitlines() if "viewStateShareKey=" in line)
    [name] = urllib.parse.parse_qs(urllib.parse.urlsplit(link).fragment.partition("?")[2])["viewStateShareKey"]
    with opened(store(out)) as client:
        tags = client.get_experiment_by_name("cifar100 (smoke)").tags
    return link, json.loads(tags[f"mlflow.sharedViewState.{name}"])


def test_a_chart_comes_first_that_lays_published_beside_measured(out: Path, started: list[int]) -> None:
    text = said(out, "table3")
    assert started == [5000]
    link, state = view(out, text)
    assert link.endswith("&compareRunsMode=CHART")
    [pairs] = compared(out, text)
    assert pairs == [
        "async_lu ours, resnet18, 1 seed",
        "async_lu paper, resnet18",
        "async_bu ours, resnet18, 1 seed",
        "async_bu paper, resnet18",
    ]
    ids = {run.run_id for run in tracked(store(out), ("ours", "paper")) if run.name in pairs}
    assert set(re.findall(r"[0-9a-f]{32}", state["searchFilter"])) == ids
    keys = [chart["metricKey"] for chart in state["compareRunCharts"]]
    assert keys == ["epochs_to_target", "best_accuracy_percent", "time_to_target_seconds"]
    page = "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=benchmarks"
    assert text.index(link) < text.index(f"All runs of 'cifar100 (smoke)': {page}\n")


def test_nothing_published_is_linked_beside_data_of_ones_own(tmp_path: Path, started: list[int]) -> None:
    """Though the store has the published row, for other runs of the experiment."""
    out = tmp_path / "out"
    new_store(tmp_path)
    write(out, [30.0], method="async_lu")
    leaves_record = write(out, [30.0], method="async_bu")
    leaves = leaves_record.spec.workload.model_copy(update={"dataset": "leaves", "dataset_sha256": "aa" * 32})
    made_elsewhere(leaves_record.path, workload=leaves.model_dump(mode="json"))
    tracked_records = records(out)
    feed(tracked_records, published=by_dataset(), uri=store(out), apart=feeding.apart(tracked_records))
    [pairs] = compared(out, said(out, "table3"))
    assert pairs == [
        "async_lu digit-pairs ours, resnet18, 1 seed",
        "async_lu paper, resnet18",
        "async_bu leaves ours, resnet18, 1 seed",
    ]


def test_where_no_view_can_be_kept_the_charts_of_the_runs_are_linked(
    out: Path, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "MOST_LETTERS", 100)
    link = said(out, "table3").splitlines()[1]
    assert "searchFilter=attributes.run_id" in link
    assert "compareRunsMode=CHART" in link


def test_many_tables_are_named_and_a_table_without_runs_is_said(out: Path, started: list[int]) -> None:
    assert "`python -m benchmarks ui TABLE` prints links for table" in said(out)
    assert "table5: fewer than two of its rows are in the store" in said(out, "table5")
    with pytest.raises(UserError, match="table3"):
        said(out, "tabel3")


def test_a_printed_table_of_ones_own_is_linked_with_the_runs_that_it_shows(tmp_path: Path, started: list[int]) -> None:
    """By its name or by none; the latest first, each with the runs of its condition, though others are newer."""
    out = tmp_path / "out"
    new_store(tmp_path)
    for number, epochs in enumerate((6, 3), start=1):
        runs = [write(out, [30.0, 60.0 - row], method=row_of, depth=epochs) for row, row_of in enumerate(("bp", "ddp"))]
        rows = [ResultRow("resnet18", "", run.row, "", (ResultCell(reason="none"),)) for run in runs]
        accuracy = next(measure for measure in of_runs() if measure.key == "best_accuracy_percent")
        result = ResultTable("leaves", "", "", (accuracy,), tuple(rows), conditions=Conditions(scale=f"{epochs}"))
        written = [files.write(result, out / "tables" / str(epochs)), out / "tables" / str(epochs) / "leaves.csv"]
        written[1].touch()
        os.utime(written[0], (number, number))
        feed(records(out), published={}, uri=store(out), artifacts={run.id: written for run in runs})
    text = said(out)
    assert compared(out, text) == [
        [f"{method} depth={depth} ours, resnet18, 1 seed" for method in ("bp", "ddp")] for depth in (3, 6)
    ]
    assert text.startswith("leaves on resnet18, 3")
    assert compared(out, said(out, "leaves")) == compared(out, text)
    with pytest.raises(UserError, match="leaves"):
        said(out, "leavs")


def test_an_empty_store_is_shown_and_none_is_refused(tmp_path: Path, started: list[int]) -> None:
    with pytest.raises(ResultsError, match=r"^There is no store at .*: run a table, or feed what was run with"):
        said(tmp_path / "out")
    assert not started
    feed([], published={}, uri=store(tmp_path / "out"))
    assert "The store has no runs yet" in said(tmp_path / "out")


def test_a_table_of_ones_own_brings_its_methods_along(cli: Cli, out: Path, started: list[int], tmp_path: Path) -> None:
    head = 'id = "mine"\ntitle = "Mine"\nfamily = "cifar100"\nnetworks = ["resnet18"]\nmeasures = ["train_loss"]'
    rows = "".join(f'[[rows]]\nmethod = "{method}"\n' for method in ("silent", "async_lu", "async_bu"))
    (tmp_path / "mine.toml").write_text(f"[table]\n{head}\n{rows}")
    (tmp_path / "silent.py").write_text(SILENT)
    options = ("--no-browser", f"--uri={store(out)}")
    cli.refused("ui", "mine.toml", *options)
    result = cli("ui", "mine.toml", "--plugin", "silent.py", *options)
    assert (result.code, started) == (0, [5000])
    assert "/compare-runs" in result.out


def test_track_lays_beside_a_table_of_ones_own_what_was_published(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_lines: list[PublishedLine] = []
    monkeypatch.setattr(feeding, "feed_records", lambda records, uri, *, theirs: published_lines.extend(theirs))
    write(tmp_path / "out", [30.0], method="silent")
    head = 'id = "mine"\ntitle = "Mine"\nfamily = "cifar100"\nnetworks = ["resnet18"]\nmeasures = ["train_loss"]'
    (tmp_path / "mine.toml").write_text(f'[table]\n{head}\n[[rows]]\nmethod = "silent"\n')
    columns = "table,dataset,network,row,measure,mean,std,n,source,note"
    (tmp_path / "mine.csv").write_text(f"{columns}\nmine,cifar100,resnet18,silent,train_loss,1.5,,,my draft,\n")
    (tmp_path / "silent.py").write_text(SILENT)
    cli.refused("track", "mine.toml")
    assert cli("track", "mine.toml", "--plugin", "silent.py").code == 0
    assert [(line.key, line.value.mean) for line in published_lines] == [(("resnet18", "silent", "train_loss"), 1.5)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_command_ends_the_server_and_all_its_processes(out: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}
    arguments = ("ui", "table3", f"--out={out}", f"--uri={store(out)}", "--port=0", "--no-browser")
    process = start([sys.executable, "-m", "benchmarks", *arguments], env=environment)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Ctrl-C"):
            break
    family = below(process.pid)
    assert len(family) >= 2
    process.send_signal(number)
    text, errors = process.communicate(timeout=300)
    if number == signal.SIGKILL:
        until(lambda: not any(map(alive, family)))
    else:
        assert (process.returncode, text.splitlines()[-1], errors) == (0, "The server has ended.", "")
        assert not [pid for pid in family if alive(pid)]


def below(pid: int) -> list[int]:
    """All processes that a process has started, and those that they have (Linux)."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(descendant for child in children for descendant in below(child))]
