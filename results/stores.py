"""SQLite files as tracking stores: made once, under a lock, and never left half made."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from results.errors import ResultsError

LOCK_SECONDS = 300.0


def database(uri: str) -> Path | None:
    """The file of a SQLite URI ("sqlite:///relative.db", "sqlite:////absolute.db"); None for any other store."""
    scheme, colon, rest = uri.partition(":///")
    if not colon or scheme.partition("+")[0] != "sqlite":
        return None
    name = unquote(rest.partition("?")[0])
    return Path(name) if name and name != ":memory:" else None


@contextlib.contextmanager
def fresh_store(uri: str, create: Callable[[str], object]) -> Iterator[None]:
    """Hold a local store for one feed, and make it first if it is not there; other stores are left to themselves.

    Several processes that make one SQLite store at once break it for good, and so does one that is stopped while
    making it. Hence the lock, and a marker beside the file: a store whose marker is still there is made anew.

    Raises:
        ResultsError: another process holds the store for minutes, the folder cannot be written, or the file is no
            SQLite database.
    """
    path = database(uri)
    if path is None:
        yield
        return
    import filelock

    lock = filelock.FileLock(f"{path}.lock", timeout=LOCK_SECONDS)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise ResultsError(f"{path} has been in use for {LOCK_SECONDS:.0f} s; feed it later.") from error
    except OSError as error:
        raise ResultsError(f"{path} cannot be written ({error.strerror}); choose another tracking store.") from error
    try:
        _make(path, uri, create)
        yield
    finally:
        lock.release()


def _make(path: Path, uri: str, create: Callable[[str], object]) -> None:
    marker = Path(f"{path}.unfinished")
    if marker.exists():
        _remove(path)
    if path.exists() and path.stat().st_size:
        _check(path)
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


def _check(path: Path) -> None:
    # Asked of MLflow, a file that is no database takes minutes of retries to be refused.
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise ResultsError(f"{path} is no usable SQLite database ({error}); move it away and feed again.") from error
