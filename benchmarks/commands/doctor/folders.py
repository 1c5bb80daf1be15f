"""The doctor's checks of what is written to: the results, and the tracking store."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.commands.doctor.check import Check
from results.errors import ResultsError

FREE_GIGABYTES = 1.0
SERVER_SECONDS = 2.0


def _nearest(path: Path) -> Path:
    """Returns the path itself if it exists, else the nearest folder above it that does."""
    path = path.expanduser().absolute()
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def writable(name: str, folder: Path, otherwise: str) -> Check:
    """Checks a folder by writing to it: permission bits do not show read-only or full disks."""
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Check(name, False, f"{folder}: cannot write in {place} ({reason})", f"make it writable, or {otherwise}")
    return Check(name, True, str(folder) if place == folder.expanduser().absolute() else f"{folder} (not there yet)")


def disk(out: Path) -> Check:
    """Checks whether there is room for results."""
    gigabytes = shutil.disk_usage(_nearest(out)).free / 1e9
    ok = gigabytes >= FREE_GIGABYTES
    mend = "" if ok else f"free {FREE_GIGABYTES:.0f} GB, or choose another disk with --out"
    return Check("free disk", ok, f"{gigabytes:.1f} GB", mend)


def store() -> Check:
    """Checks whether the tracking store is MLflow's, or its server answers. Changes nothing."""
    from results.tracking import stores

    uri = stores.chosen(None)
    if stores.is_server(uri):
        return _server(uri)
    if path := stores.database(uri):
        return _database(path)
    if urlsplit(uri).scheme in ("", "file"):
        mend = f"unset MLFLOW_TRACKING_URI, or set it to a database such as {stores.DEFAULT_URI}"
        return Check("tracking store", False, f"{stores.shown(uri)}: MLflow no longer writes to folders", mend)
    return Check("tracking store", True, f"{stores.shown(uri)}: not checked, only SQLite files and servers are")


def _server(uri: str) -> Check:
    from results.tracking import stores

    try:
        stores.connect(uri, SERVER_SECONDS)
    except (OSError, ValueError) as error:
        mend = "start it, or unset MLFLOW_TRACKING_URI; what was run meanwhile is fed by `python -m benchmarks track`"
        return Check("tracking store", False, f"{stores.shown(uri)} does not answer ({error})", mend)
    return Check("tracking store", True, f"{stores.shown(uri)} answers")


def _database(path: Path) -> Check:
    from results.tracking import stores

    if not path.exists():
        return writable("tracking store", path, "set MLFLOW_TRACKING_URI to another database")
    try:
        runs = stores.runs_in(path)
    except ResultsError as error:
        mend = f"move {path} away: `python -m benchmarks track` fills a fresh one from the journals"
        return Check("tracking store", False, str(error), mend)
    if not os.access(path, os.W_OK):
        return Check("tracking store", False, f"{path} cannot be written", f"make {path} writable")
    return Check("tracking store", True, f"{path}, {runs} runs")
