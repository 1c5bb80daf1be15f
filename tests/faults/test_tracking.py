"""An MLflow server that is killed, stands still or comes back: what was trained is fed later, once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from results.errors import ResultsError
from results.published import by_dataset
from results.records import Record
from results.tracking import feed
from results.tracking.serving import Server, server
from tests import needs
from tests.faults.counting import Attempt
from tests.faults.faults import Command
from tests.faults.test_sharing import fed
from tests.results.samples import write

pytestmark = [pytest.mark.faults, needs.mlflow]


def send(number: int, target: Server) -> None:
    """To the server and all its processes."""
    assert target._process is not None
    os.killpg(target._process.pid, number)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # where the server keeps its artifacts
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    feed([], published={}, uri=uri)
    return uri


def fed_or_said(runs: list[Record], uri: str) -> None:
    with contextlib.suppress(ResultsError):
        feed(runs, published=by_dataset(), uri=uri)


@pytest.mark.fault("mlflow-killed")
def test_what_a_killed_server_lost_is_fed_later_once(attempt: Attempt, tmp_path: Path, store: str) -> None:
    runs = [write(tmp_path / "out", [50.0], seed=seed) for seed in range(4)]
    with server(store, 0) as first:
        first.wait_until_ready()
        killing = threading.Timer(attempt.random.uniform(0, 1.5), send, (signal.SIGKILL, first))
        killing.start()
        began = time.monotonic()
        fed_or_said(runs, first.url)
        attempt.took(time.monotonic() - began)
        killing.join()
    with server(store, 0) as second:
        second.wait_until_ready()
        feed(runs, published=by_dataset(), uri=second.url)
    check_fed(store, runs)


@pytest.mark.fault("mlflow-stopped")
def test_what_a_server_did_that_stood_still_is_not_doubled(
    attempt: Attempt, tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on with what it was asked for when nobody waits for the answer any more."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    runs = [write(tmp_path / "out", [50.0], seed=seed) for seed in range(4)]
    with server(store, 0) as mlflow_server:
        mlflow_server.wait_until_ready()
        stopping = threading.Timer(attempt.random.uniform(0, 1), send, (signal.SIGSTOP, mlflow_server))
        stopping.start()
        fed_or_said(runs, mlflow_server.url)
        stopping.join()
        send(signal.SIGCONT, mlflow_server)
        feed(runs, published=by_dataset(), uri=mlflow_server.url)
    check_fed(store, runs)


@pytest.mark.fault("server-fed-at-once")
@pytest.mark.parametrize("feeds", [2, 8])
def test_feeds_of_the_same_runs_at_once_double_none(attempt: Attempt, tmp_path: Path, store: str, feeds: int) -> None:
    runs = [write(tmp_path / "out", [50.0], seed=seed) for seed in range(3)]
    with server(store, 0) as mlflow_server, ExitStack() as ending:
        mlflow_server.wait_until_ready()
        running = [ending.enter_context(Command(tmp_path, "track", f"--uri={mlflow_server.url}")) for _ in range(feeds)]
        outcomes = [command.wait(400) for command in running]
    assert [(outcome.code, outcome.sentence) for outcome in outcomes] == [(0, "")] * feeds
    check_fed(store, runs)
    attempt.cases = feeds


def check_fed(uri: str, runs: list[Record]) -> None:
    counts = fed(uri)
    assert set(counts.values()) == {1}
    assert {key for key in counts if key.startswith("run:")} == {f"run:{run.id}" for run in runs}
