"""MLflow's own server on this machine, light and for this machine alone, and the addresses of its pages."""

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
from urllib.parse import quote, urlsplit, urlunsplit

from results.errors import ResultsError
from results.tracking import guard
from results.tracking.fetching import Tracked
from results.tracking.stores import is_server, probe
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
"""What `mlflow server` starts in the end, without its command line, which takes as long again to import.

A version of MLflow that keeps these names elsewhere is started by its command line.
"""


class Server:
    """A server: one of ours while it starts and runs, or a user's own, which is left alone. url: its first page."""

    def __init__(self, url: str, process: subprocess.Popen[bytes] | None = None, log: IO[bytes] | None = None) -> None:
        self.url = url
        self._process = process
        self._log = log

    def wait_until_ready(self) -> None:
        """Return once it answers.

        Raises:
            ResultsError: it ended instead, or says nothing for two minutes; the text has its last words.
        """
        end = time.monotonic() + READY_SECONDS
        while self._process is not None:
            if self._process.poll() is not None or time.monotonic() > end:
                raise ResultsError(f"MLflow's server did not start ({self._last_words()}).")
            with contextlib.suppress(ResultsError):
                probe(self.url)
                return
            time.sleep(0.2)

    def wait(self) -> None:
        """Return when the server has ended; it does so when somebody ends it.

        Raises:
            ResultsError: it ended by itself, with an error.
        """
        code = None if self._process is not None else 0
        while self._process is not None and code is None:  # a signal that comes as a wait begins is heard at its end
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
    """Start a server over a local store, or a database; end it, with every process of it, when the block is left.

    It listens on 127.0.0.1 only. A store that is a server already (http://...) is not started, only named.

    Args:
        uri: the store; it has to be there.
        port: 1 to 65535; 0 takes a free one.

    Raises:
        ResultsError: the port is in use, or none.
    """
    if is_server(uri):
        yield Server(_without_password(uri))
        return
    port = free_port(port)
    command = [sys.executable, "-c", _PROGRAM, HOST, str(port)]
    if os.name == "posix":
        command = [sys.executable, "-I", "-S", guard.__file__, *command]
    with tempfile.TemporaryFile() as log:
        # The store goes by the environment: a command line, with a password in it, could be read by anybody.
        process = subprocess.Popen(
            command,
            env={**os.environ, **_SETTINGS, "MLFLOW_BACKEND_STORE_URI": uri},
            stdin=subprocess.PIPE,  # whose other end is ours alone, and closed when we are killed
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to handle, and the whole group ours to end
        )
        try:
            yield Server(f"http://{HOST}:{port}", process, log)
        finally:
            _end(process)


def free_port(port: int) -> int:
    """The port itself if nobody listens there; 0: one that is free.

    Raises:
        ResultsError: it is in use, may not be used, or is no port.
    """
    if not 0 <= port <= 65535:
        raise ResultsError(f"--port {port}: a port is a number from 1 to 65535.")
    with socket.socket() as trial:
        if os.name == "posix":  # a port that was given up a moment ago is free
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
    """Address of the page that lists an experiment's runs. view: with our selection of columns (`tags.VIEW`)."""
    return f"{url}/#/experiments/{quote(experiment_id)}/runs" + (f"?viewStateShareKey={VIEW}" if view else "")


def compare_link(url: str, runs: Sequence[Tracked]) -> str:
    """The page that lays runs side by side, in this order; lists are JSON in the address, as MLflow's pages expect."""
    ids = [run.run_id for run in runs]
    experiments = list(dict.fromkeys(run.experiment_id for run in runs))
    return f"{url}/#/compare-runs?runs={_json(ids)}&experiments={_json(experiments)}"


def curves_link(url: str, runs: Sequence[Tracked]) -> str:
    """The page with the curves of these runs, all of one experiment, over the epochs."""
    ids = ", ".join(f"'{run.run_id}'" for run in runs)
    chosen = quote(f"attributes.run_id IN ({ids})", safe="")
    return f"{experiment_link(url, runs[0].experiment_id)}?searchFilter={chosen}&compareRunsMode=CHART"


def chart_link(url: str, experiment_id: str, view: str) -> str:
    """The page with the charts of a view that `tracking.keep_chart` has kept with the experiment."""
    return f"{experiment_link(url, experiment_id)}?viewStateShareKey={quote(view)}&compareRunsMode=CHART"


def _json(values: Sequence[str]) -> str:
    return quote(json.dumps(list(values), separators=(",", ":")), safe="")


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server and its workers to end, and end whoever does not, or does so without its workers."""
    assert process.stdin is not None
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()
    process.stdin.close()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is gone
            os.killpg(process.pid, number)
    elif process.poll() is None:
        process.terminate()
