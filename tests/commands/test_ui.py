"""`ui`: links before anything else, a server of its own that ends with it, and sentences where there is nothing."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.commands import ui
from benchmarks.errors import UserError
from results.errors import ResultsError
from results.published import by_dataset
from results.tracking import feed, serving, tracked
from tests import needs
from tests.commands.commands import CHECKOUT, Cli, alive, until
from tests.papers.test_audit import SILENT
from tests.programs import start
from tests.results.samples import records, write
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


def test_links_lay_methods_and_papers_side_by_side(out: Path, started: list[int]) -> None:
    text = said(out, "table3")
    assert started == [5000]
    names = {one.run_id: one.name for one in tracked(store(out), ("ours", "paper"))}
    shown = [
        re.findall(r"[0-9a-f]{32}", urllib.parse.unquote(line)) for line in text.splitlines() if "/compare-runs" in line
    ]
    assert [[names[id] for id in ids] for ids in shown] == [
        ["async_lu ours, resnet18, 1 seed", "async_bu ours, resnet18, 1 seed"],
        [
            "async_lu ours, resnet18, 1 seed",
            "async_lu paper, resnet18",
            "async_bu ours, resnet18, 1 seed",
            "async_bu paper, resnet18",
        ],
    ]
    page = "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=benchmarks"
    assert f"MLflow, experiment 'cifar100 (smoke)': {page}\n" in text
    assert "compareRunsMode=CHART" in text


def test_many_tables_are_named_and_a_table_without_runs_is_said(out: Path, started: list[int]) -> None:
    assert "`python -m benchmarks ui TABLE` prints links for table" in said(out)
    assert "table5: fewer than two of its rows are in the store" in said(out, "table5")
    with pytest.raises(UserError, match="table3"):
        said(out, "tabel3")


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
    given = ("--no-browser", f"--uri={store(out)}")
    cli.refused("ui", "mine.toml", *given)
    found = cli("ui", "mine.toml", "--plugin", "silent.py", *given)
    assert (found.code, started) == (0, [5000])
    assert "/compare-runs" in found.out


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
    return [*children, *(one for child in children for one in below(child))]
