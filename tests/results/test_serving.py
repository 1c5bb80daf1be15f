from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import cast

import pytest

from results.errors import ResultsError
from results.tracking.fetching import Tracked
from results.tracking.serving import Server, compare_link, curves_link, experiment_link, free_port, server

URL = "http://127.0.0.1:5000"


def tracked(run_id: str, experiment_id: str = "1") -> Tracked:
    return Tracked("ours", experiment_id, "cifar100 (smoke)", run_id, "name", "resnet18", "bp", 0)


def test_links_are_written_as_mlflows_pages_read_them() -> None:
    runs = [tracked("ab"), tracked("cd"), tracked("ef", "2")]
    assert compare_link(URL, runs) == (
        f"{URL}/#/compare-runs?runs=%5B%22ab%22%2C%22cd%22%2C%22ef%22%5D&experiments=%5B%221%22%2C%222%22%5D"
    )
    assert experiment_link(URL, "1") == f"{URL}/#/experiments/1/runs"
    assert curves_link(URL, runs[:2]) == (
        f"{URL}/#/experiments/1/runs?searchFilter=attributes.run_id%20IN%20%28%27ab%27%2C%20%27cd%27%29"
        "&compareRunsMode=CHART"
    )


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ResultsError, match=rf"^Port {port} is in use: choose another with --port, such as "):
            free_port(port)
    assert free_port(port) == port
    assert free_port(0) > 0


def test_a_users_own_server_is_not_started_or_ended() -> None:
    with server("https://me:secret@host:5000/", 0) as own_server:
        assert own_server.url == "https://host:5000"
        own_server.wait_until_ready()
        own_server.wait()


def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho first\necho the store is broken >&2\nexit 3\n")
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))
    with (
        pytest.raises(ResultsError, match=r"^MLflow's server did not start \(the store is broken\)\.$"),
        server(f"sqlite:///{tmp_path}/x.db", 0) as broken,
    ):
        broken.wait_until_ready()


def test_an_mlflow_with_other_names_is_started_by_its_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "__init__.py").touch()
    (tmp_path / "mlflow" / "__main__.py").write_text("import sys; raise SystemExit(' '.join(sys.argv[1:]))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = r"server --host 127\.0\.0\.1 --port \d+ --workers 1"
    with pytest.raises(ResultsError, match=words), server(f"sqlite:///{tmp_path}/x.db", 0) as started:
        started.wait_until_ready()


def test_waiting_is_interrupted_regularly_for_signals() -> None:
    """Python handles a signal between two instructions: one just before an endless wait would be handled after it."""
    waits: list[float | None] = []

    class Slow:
        def wait(self, timeout: float | None = None) -> int:
            waits.append(timeout)
            if len(waits) < 3:
                raise subprocess.TimeoutExpired("mlflow", timeout or 0.0)
            return 0

    Server("http://127.0.0.1:1", cast("subprocess.Popen[bytes]", Slow())).wait()
    assert len(waits) == 3
    assert None not in waits
