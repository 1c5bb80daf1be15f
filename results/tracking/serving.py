"""Starts MLflow's server for this machine alone, with few processes; builds addresses of its pages."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import IO
from urllib.parse import quote

from results.errors import ResultsError
from results.tracking import guard
from results.tracking.fetching import Tracked
from results.tracking.stores import is_server, probe, shown
from results.tracking.tags import VIEW

HOST = "127.0.0.1"
READY_SECONDS, END_SECONDS, WAIT_SECONDS = 120.0, 6.0, 1.0

_SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes and 0.5 GB instead of 15 and more than 2 GB
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_PROGRAM = """
import os, runpy, sys

host, port = sys.argv[1:]
try:
    import uvicorn
    from mlflow.server import constants, fastapi_app

    store, root = constants.BACKEND_STORE_URI_ENV_VAR, constants.ARTIFACT_ROOT_ENV_VAR
    served, place = constants.SERVE_ARTIFACTS_ENV_VAR, constants.ARTIFACTS_DESTINATION_ENV_VAR
except (ImportError, AttributeError):
    sys.argv = ["mlflow", "server", "--host", host, "--port", port, "--workers", "1"]
    runpy.run_module("mlflow", run_name="__main__")
else:
    os.environ.update({store: os.environ["MLFLOW_BACKEND_STORE_URI"], served: "true"})
    os.environ.update({root: "mlflow-artifacts:/", place: "./mlartifacts"})
    uvicorn.run(fastapi_app.app, host=host, port=int(port))
"""
"""Starts what `mlflow server` starts, without its command line, whose import would double the wait.

If these names have moved in a version of MLflow, its command line is used.
"""


class Server:
    """A server that this process has started, or a user's own, which has no process here. url: its first page."""

    def __init__(self, url: str, process: subprocess.Popen[bytes] | None = None, log: IO[bytes] | None = None) -> None:
        self.url = url
        self._process = process
        self._log = log

    def wait_until_ready(self) -> None:
        """Waits until it answers. Raises ResultsError, with its last output, if it ended or took READY_SECONDS."""
        end = time.monotonic() + READY_SECONDS
        while self._process is not None:
            if self._process.poll() is not None or time.monotonic() > end:
                raise ResultsError(f"MLflow's server did not start ({self._last_words()}).")
            with contextlib.suppress(ResultsError):
                probe(self.url)
                return
            time.sleep(0.2)

    def wait(self) -> None:
        """Waits until the server has ended. Raises ResultsError if it ended with an error."""
        if self._process is None:
            return
        code = None
        while code is None:  # waits of a second: Python handles a signal that comes as a wait begins only at its end
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(WAIT_SECONDS)
        if code not in (0, -signal.SIGTERM, -signal.SIGINT):
            raise ResultsError(f"MLflow's server has ended with code {code} ({self._last_words()}).")

    def _last_words(self) -> str:
        if self._log is None:
            return "it said nothing"
        self._log.seek(0)
        lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else "it said nothing"


@contextlib.contextmanager
def server(uri: str, port: int) -> Iterator[Server]:
    """Starts a server for a store, on 127.0.0.1 alone; ends it, with all its processes, at the end of the block.

    Nothing is started for a store that is a server itself (http://...).

    Args:
        uri: an existing store.
        port: 1 to 65535; 0 takes a free one.

    Raises:
        ResultsError: the port is in use or invalid.
    """
    if is_server(uri):
        yield Server(shown(uri).rstrip("/"))
        return
    port = free_port(port)
    command = [sys.executable, "-I", "-S", guard.__file__, sys.executable, "-c", _PROGRAM, HOST, str(port)]
    with tempfile.TemporaryFile() as log:
        # The store is passed in the environment: anybody could read a password in a command line.
        process = subprocess.Popen(
            command,
            env={**os.environ, **_SETTINGS, "MLFLOW_BACKEND_STORE_URI": uri},
            stdin=subprocess.PIPE,  # closed by the system when this process is killed: see guard
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the group
        )
        try:
            yield Server(f"http://{HOST}:{port}", process, log)
        finally:
            _end(process)


def free_port(port: int) -> int:
    """Returns the port if it is free, or any free one for 0. Raises ResultsError if it cannot be used."""
    if not 0 <= port <= 65535:
        raise ResultsError(f"--port {port}: a port is a number from 1 to 65535.")
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port given up a moment ago is free
        try:
            trial.bind((HOST, port))
        except PermissionError as error:
            raise ResultsError(
                f"Port {port} may not be used ({error.strerror}): choose one above 1023 with --port."
            ) from error
        except OSError as error:
            raise ResultsError(
                f"Port {port} is in use: choose another with --port, such as --port {port + 1}."
            ) from error
        return int(trial.getsockname()[1])


def experiment_link(url: str, experiment_id: str, *, view: bool = False) -> str:
    """Address of an experiment's list of runs. view: whether to use the suite's selection of columns (`tags.VIEW`)."""
    return f"{url}/#/experiments/{quote(experiment_id)}/runs" + (f"?viewStateShareKey={VIEW}" if view else "")


def compare_link(url: str, runs: Sequence[Tracked]) -> str:
    """Address of the page that shows runs side by side, in this order."""
    ids = [run.run_id for run in runs]
    experiments = list(dict.fromkeys(run.experiment_id for run in runs))
    return f"{url}/#/compare-runs?runs={_json(ids)}&experiments={_json(experiments)}"


def curves_link(url: str, runs: Sequence[Tracked]) -> str:
    """Address of the page with the curves of these runs, all of one experiment, over epochs."""
    ids = ", ".join(f"'{run.run_id}'" for run in runs)
    chosen = quote(f"attributes.run_id IN ({ids})", safe="")
    return f"{experiment_link(url, runs[0].experiment_id)}?searchFilter={chosen}&compareRunsMode=CHART"


def chart_link(url: str, experiment_id: str, view: str) -> str:
    """Address of the charts of a view that `tracking.keep_chart` has stored with the experiment."""
    return f"{experiment_link(url, experiment_id)}?viewStateShareKey={quote(view)}&compareRunsMode=CHART"


def _json(values: Sequence[str]) -> str:
    return quote(json.dumps(list(values), separators=(",", ":")), safe="")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks the server's process group to end, and kills what remains after END_SECONDS."""
    assert process.stdin is not None
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    _signal(process, signal.SIGKILL)
    process.wait()
    process.stdin.close()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group has ended
        os.killpg(process.pid, number)
