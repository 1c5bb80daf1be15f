"""Servers listen on this machine alone: MLflow's pages."""

from __future__ import annotations

import http.client
import os
import re
import socket
from pathlib import Path

import pytest

from results.published import by_dataset
from results.tracking import feed
from tests import needs
from tests.faults.counting import Attempt
from tests.faults.faults import Command
from tests.results.samples import records, write

pytestmark = [pytest.mark.faults, needs.mlflow]
LISTEN = "0A"


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A store with a run, of the results in tmp_path/out."""
    write(tmp_path / "out", [30.0, 60.0])
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    feed(records(tmp_path / "out"), published=by_dataset(), uri=uri)
    return uri


def ui(folder: Path, uri: str) -> Command:
    command = Command(folder, "ui", "--port=0", f"--uri={uri}", "--no-browser")
    return command.at(output="Ctrl-C ends the server.")


def listening(pids: list[int]) -> set[str]:
    """The addresses, as host:port, at which these processes listen (Linux)."""
    inodes = {name for pid in pids for name in _descriptors(pid)}
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTEN and f"socket:[{rest[5]}]" in inodes:
                host, port = local.split(":")
                kind = socket.AF_INET if table == "tcp" else socket.AF_INET6
                addresses.add(f"{socket.inet_ntop(kind, bytes.fromhex(host)[::-1])}:{int(port, 16)}")
    return addresses


def _descriptors(pid: int) -> set[str]:
    names = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.add(os.readlink(path))
        except OSError:
            continue
    return names


@pytest.mark.fault("servers-listen")
def test_only_this_machine_is_served(attempt: Attempt, tmp_path: Path, uri: str) -> None:
    with ui(tmp_path, uri) as command:
        (port,) = set(re.findall(r"http://127\.0\.0\.1:(\d+)/", command.said()))
        assert {address.rpartition(":")[0] for address in listening(command.family())} == {"127.0.0.1"}
        for host, allowed in ((f"127.0.0.1:{port}", True), ("evil.example", False), (f"evil.example:{port}", False)):
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
            connection.request("GET", "/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host})
            assert (connection.getresponse().status == 200) == allowed
            connection.close()
            attempt.cases += 1


@pytest.mark.fault("server-orphaned")
def test_a_server_ends_with_its_command(attempt: Attempt, tmp_path: Path, uri: str) -> None:
    with ui(tmp_path, uri) as command:
        assert len(command.family()) >= 3
        outcome = command.at(seconds=attempt.random.uniform(0, 1)).kill().wait(survivors_after=5.0)
    assert outcome.survivors == ()
