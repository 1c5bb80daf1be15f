"""Finds and checks MLflow's stores by URI, and creates a SQLite file once, under a lock."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
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
"""MLflow's own default, so that `mlflow ui` in the same folder shows the runs."""
LATER = "Nothing of the training is lost: the journals are complete; feed them later with `python -m benchmarks track`."
LOCK_SECONDS = 300.0
PROBE_SECONDS = 3.0

_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


def chosen(uri: str | None) -> str:
    """Returns the URI, else $MLFLOW_TRACKING_URI, else `DEFAULT_URI`."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def shown(uri: str) -> str:
    """Returns the URI without user name, password or token, for printing."""
    return re.sub(r"//[^/?#]*@", "//", uri)


def is_server(uri: str) -> bool:
    """Whether the store is an MLflow server that a user runs."""
    return uri.startswith(("http://", "https://"))


def probe(uri: str) -> None:
    """Checks that the store's server answers within PROBE_SECONDS. Raises ResultsError if not."""
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
    """Opens and closes a connection to the store's server, if it has one, within so many seconds.

    Raises OSError if nothing answers, ValueError if the address is invalid.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme in _PORTS and parts.hostname:
        socket.create_connection((parts.hostname, parts.port or _PORTS[scheme]), seconds).close()


def database(uri: str) -> Path | None:
    """Returns the file of a SQLite URI ("sqlite:///relative.db", "sqlite:////absolute.db"); None for others."""
    scheme, colon, rest = uri.partition(":///")
    if not colon or scheme.partition("+")[0] != "sqlite":
        return None
    name = unquote(rest.partition("?")[0])
    return Path(name) if name and name != ":memory:" else None


@contextlib.contextmanager
def locked(uri: str, create: Callable[[str], object]) -> Iterator[bool]:
    """Holds a store's lock for one feed; `create` first makes a SQLite store that does not exist -> whether it did.

    The lock of a SQLite store lies beside it. A server's lock holds among this user's processes on this machine: two
    machines that feed at once may store a run twice, of which the next feed keeps one. A SQLite store breaks if two
    processes create it, or if creation is interrupted, so a marker beside the file says that it is unfinished.

    Raises:
        ResultsError: another process holds the lock for LOCK_SECONDS, the folder cannot be written, or the file is no
            SQLite database.
    """
    import filelock

    path = database(uri)
    name = f"async-sgd-benchmarks-{os.getuid()}-{hashlib.sha256(uri.encode()).hexdigest()[:16]}"
    lock = filelock.FileLock(f"{path or Path(tempfile.gettempdir(), name)}.lock", timeout=LOCK_SECONDS)
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise ResultsError(f"{shown(uri)} has been in use for {LOCK_SECONDS:.0f} s; feed it later.") from error
    except OSError as error:
        text = f"{lock.lock_file} cannot be written ({error.strerror}); choose another tracking store."
        raise ResultsError(text) from error
    try:
        if path is None or not _is_missing(path):
            yield False
            return
        marker = _marker(path)
        marker.touch()
        with _synchronised_once(path):
            create(uri)
            marker.unlink()
            yield True
    finally:
        lock.release()


def _marker(path: Path) -> Path:
    return Path(f"{path}.unfinished")


def _is_missing(path: Path) -> bool:
    """Whether a SQLite store is to be made, after removing an unfinished one. Raises ResultsError as `check`."""
    if _marker(path).exists():
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    if not path.exists() or not path.stat().st_size:
        return True
    check(path)
    return False


@contextlib.contextmanager
def _synchronised_once(path: Path) -> Iterator[None]:
    """Writes SQLite files to the disk at the end of the block instead of at each commit, which takes most of a feed.

    Only for a new store: a power failure may break the file, and all that it holds can be fed again.
    """
    event, pool = (importlib.import_module(f"sqlalchemy.{name}") for name in ("event", "pool"))

    def taken(connection: Any, *_: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    def returned(connection: Any, *_: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=FULL")

    event.listen(pool.Pool, "checkout", taken)
    event.listen(pool.Pool, "checkin", returned)
    try:
        yield
    finally:
        event.remove(pool.Pool, "checkout", taken)
        event.remove(pool.Pool, "checkin", returned)
        with contextlib.suppress(OSError), path.open("rb+") as file:
            os.fsync(file.fileno())


def check(path: Path) -> None:
    """Raises ResultsError unless the file is a SQLite database."""
    # MLflow retries for minutes before it refuses such a file.
    try:
        _query(path, "PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        raise ResultsError(f"{path} is no usable SQLite database ({error}); move it away and feed again.") from error


def runs_in(path: Path) -> int:
    """Counts the runs in a SQLite file of MLflow. Raises ResultsError for any other file."""
    try:
        return int(_query(path, "SELECT count(*) FROM runs"))
    except sqlite3.DatabaseError as error:
        raise ResultsError(f"{path} is no MLflow database ({error})") from error


def _query(path: Path, query: str) -> Any:
    """Returns the first value of a read-only query."""
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchone()[0]
