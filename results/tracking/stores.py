"""Tracking stores, known by their URI: where one is, whether it answers, and how a local one is made.

SQLite files are made once, under a lock, and never left half made.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import sqlite3
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from results.errors import ResultsError

DEFAULT_URI = "sqlite:///./mlflow.db"
"""MLflow's own default, so that a bare `mlflow ui` in the same folder shows the runs."""
LATER = "Nothing of the training is lost: the journals are complete; feed them later with `python -m benchmarks track`."
LOCK_SECONDS = 300.0
PROBE_SECONDS = 3.0

_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


def chosen(uri: str | None) -> str:
    """The store to use: the given one, else $MLFLOW_TRACKING_URI, else `DEFAULT_URI`."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def shown(uri: str) -> str:
    """The URI without user name, password or token: what is printed gets pasted into reports."""
    return re.sub(r"//[^/@]*@", "//", uri)


def is_server(uri: str) -> bool:
    """Whether the store is a running MLflow server, somebody's own."""
    return uri.startswith(("http://", "https://"))


def probe(uri: str) -> None:
    """Ask whether the store's server is there, for at most a few seconds; local stores always are.

    Raises:
        ResultsError: nothing answers.
    """
    try:
        if is_server(uri):
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PROBE_SECONDS).close()
        else:
            connect(uri)
    except urllib.error.HTTPError as error:  # an answer is an answer: a proxy may guard or hide /health
        error.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ResultsError(f"No tracking server answers at {shown(uri)} ({reason}). {LATER}") from error


def connect(uri: str, seconds: float = PROBE_SECONDS) -> None:
    """Open a connection to the store's server and close it, within so many seconds; local stores have none.

    Raises OSError where nothing answers, ValueError where the address is none.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme in _PORTS and parts.hostname:
        socket.create_connection((parts.hostname, parts.port or _PORTS[scheme]), seconds).close()


def database(uri: str) -> Path | None:
    """The file of a SQLite URI ("sqlite:///relative.db", "sqlite:////absolute.db"); None for any other store."""
    scheme, colon, rest = uri.partition(":///")
    if not colon or scheme.partition("+")[0] != "sqlite":
        return None
    name = unquote(rest.partition("?")[0])
    return Path(name) if name and name != ":memory:" else None


@contextlib.contextmanager
def locked(uri: str, create: Callable[[str], object]) -> Iterator[None]:
    """Hold a store for one feed; a local one is made first if it is not there.

    The lock of a local store lies beside it. A server's is this user's on this machine: feeds from two machines at once
    may leave a run twice, of which the next feed keeps one. Several processes that make one SQLite store at once break
    it for good, and so does one that is stopped while making it: a marker beside the file says that it is unfinished.

    Raises:
        ResultsError: another process holds the store for minutes, the folder cannot be written, or the file is no
            SQLite database.
    """
    import filelock

    path = database(uri)
    lock = filelock.FileLock(f"{path or _server_lock(uri)}.lock", timeout=LOCK_SECONDS)
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise ResultsError(f"{shown(uri)} has been in use for {LOCK_SECONDS:.0f} s; feed it later.") from error
    except OSError as error:
        text = f"{lock.lock_file} cannot be written ({error.strerror}); choose another tracking store."
        raise ResultsError(text) from error
    try:
        if path is not None:
            _make(path, uri, create)
        yield
    finally:
        lock.release()


def _server_lock(uri: str) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else ""  # Windows has a temporary folder for each user
    return Path(tempfile.gettempdir()) / f"async-sgd-benchmarks-{user}-{hashlib.sha256(uri.encode()).hexdigest()[:16]}"


def _make(path: Path, uri: str, create: Callable[[str], object]) -> None:
    marker = Path(f"{path}.unfinished")
    if marker.exists():
        _remove(path)
    if path.exists() and path.stat().st_size:
        check(path)
        return
    marker.touch()
    try:
        create(uri)
    except BaseException:
        _remove(path)
        raise
    finally:
        marker.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    for name in (str(path), f"{path}-journal", f"{path}-wal", f"{path}-shm"):
        Path(name).unlink(missing_ok=True)


def check(path: Path) -> None:
    """Raises ResultsError unless the file is a SQLite database."""
    # Asked of MLflow, a file that is no database takes minutes of retries to be refused.
    try:
        _asked(path, "PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        raise ResultsError(f"{path} is no usable SQLite database ({error}); move it away and feed again.") from error


def runs_in(path: Path) -> int:
    """Number of runs in this SQLite file of MLflow, opened read-only. Raises ResultsError where it is no such file."""
    try:
        return int(_asked(path, "SELECT count(*) FROM runs"))
    except sqlite3.DatabaseError as error:
        raise ResultsError(f"{path} is no MLflow database ({error})") from error


def _asked(path: Path, question: str) -> Any:
    """The first value of the answer of a database that is opened for reading only."""
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(question).fetchone()[0]
