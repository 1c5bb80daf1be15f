"""What of this machine serves the suite, and how to mend the rest: `python -m benchmarks doctor`.

Nothing here raises, waits for a server longer than two seconds, downloads, or leaves a file behind.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from benchmarks.checkout import CHECKOUT
from benchmarks.errors import UserError
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OLDEST_PYTHON = (3, 11)
FREE_GIGABYTES = 1.0
SERVER_SECONDS = 2.0
DEFAULT_STORE = "sqlite:///mlflow.db"


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it serves, what was found, and what to do (empty where nothing is to be done)."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def run(out: Path, data: Path | None) -> list[Check]:
    """Every check, in the order of a set-up. `out` is where results go; `data` is the user's data folder, if named.

    Raises nothing: a check that fails in a way nobody thought of is one that is not ok. Imports torch (seconds).
    """
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("Python", _python),
        ("packages", _packages),
        ("torch", _torch),
        ("torchvision", _torchvision),
        ("processors", _processors),
        ("CUDA", _cuda),
        ("threads", _threads),
        ("results folder", lambda: _writable("results folder", out, "choose another with --out")),
        ("free disk", lambda: _disk(out)),
        ("mlflow", _mlflow),
        ("tracking store", _store),
        *_data_sets(data),
    ]
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:
        return Check(name, False, f"the check itself failed: {_cause(error)}", "please report this")


def _python() -> Check:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    ok = sys.version_info >= OLDEST_PYTHON
    mend = "" if ok else f"use Python {wanted} or later, for example by `uv run --python {wanted}`"
    return Check("Python", ok, f"{platform.python_version()} at {sys.executable}", mend)


def _packages() -> Check:
    """Whether the packages without which nothing trains are there, in versions that pyproject.toml admits."""
    from packaging.requirements import Requirement

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    wrong = [f"{one.name} {found or 'missing'} (wanted {one.specifier})" for one, found in _installed(wanted)]
    if wrong:
        return Check("packages", False, "; ".join(wrong), "run `uv sync`, or `pip install --upgrade --editable .`")
    return Check("packages", True, f"all {len(wanted)} as pyproject.toml wants them")


def _installed(wanted: list[Requirement]) -> Iterator[tuple[Requirement, str | None]]:
    """Those that are not as wanted, with the version found."""
    for one in wanted:
        found = _version(one.name)
        if found is None or not one.specifier.contains(found, prereleases=True):
            yield one, found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch() -> Check:
    try:
        import torch

        works = float(torch.ones(2) @ torch.ones(2)) == 2.0
    except Exception as error:
        return Check(
            "torch", False, _cause(error), "run `uv sync`, or `pip install --force-reinstall torch torchvision`"
        )
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for the CPU"
    return Check("torch", works, f"{torch.__version__}, {built}", "" if works else "install torch again")


def _torchvision() -> Check:
    try:
        import torchvision

        return Check("torchvision", True, torchvision.__version__)
    except Exception as error:  # a build that does not fit torch's fails with RuntimeError
        mend = "install torch and torchvision together, from one source: `uv sync --reinstall`"
        return Check("torchvision", False, _cause(error), mend)


def _cause(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"


def _processors() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Check("processors", True, f"{usable} of {os.cpu_count()} usable, {platform.machine()}")


def _cuda() -> Check:
    try:
        import torch
    except Exception:
        return Check("CUDA", False, "cannot be asked while torch does not load", "mend torch first")
    if torch.cuda.is_available():
        return Check("CUDA", True, ", ".join(map(_device, range(torch.cuda.device_count()))))
    if shutil.which("nvidia-smi") is None:
        return Check("CUDA", True, "no device: runs train on the CPU")
    mend = "install a driver that is new enough for this torch, or a torch that was built for CUDA"
    return Check("CUDA", False, "nvidia-smi is here, but torch finds no device", mend)


def _device(index: int) -> str:
    import torch

    properties = torch.cuda.get_device_properties(index)
    return f"{properties.name} ({properties.total_memory / 2**30:.0f} GiB)"


def _threads() -> Check:
    """OpenMP's idle threads spin unless told not to, which made the steps of a busy machine vary sixfold."""
    policy, number = os.environ.get("OMP_WAIT_POLICY"), os.environ.get("OMP_NUM_THREADS")
    ok = (policy or "").upper() == "PASSIVE"
    detail = f"OMP_WAIT_POLICY={policy or '(not set)'}, OMP_NUM_THREADS={number or '(not set)'}"
    return Check("threads", ok, detail, "" if ok else "export OMP_WAIT_POLICY=PASSIVE: without it timings vary")


def _nearest(path: Path) -> Path:
    """The path itself if it exists, else the nearest folder above it that does."""
    path = path.expanduser().absolute()
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def _writable(name: str, folder: Path, otherwise: str) -> Check:
    """Tried by writing: permission bits say nothing about read-only or full disks."""
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Check(name, False, f"{folder}: cannot write in {place} ({reason})", f"make it writable, or {otherwise}")
    return Check(name, True, str(folder) if place == folder.expanduser().absolute() else f"{folder} (not there yet)")


def _disk(out: Path) -> Check:
    gigabytes = shutil.disk_usage(_nearest(out)).free / 1e9
    ok = gigabytes >= FREE_GIGABYTES
    mend = "" if ok else f"free {FREE_GIGABYTES:.0f} GB, or choose another disk with --out"
    return Check("free disk", ok, f"{gigabytes:.1f} GB", mend)


def _mlflow() -> Check:
    found = _version("mlflow") or _version("mlflow-skinny")
    if found:
        return Check("mlflow", True, found)
    mend = (
        "run `uv sync --extra tracking`, or train with --no-tracking and later, elsewhere, `python -m benchmarks track`"
    )
    return Check("mlflow", False, "not installed: runs are recorded in journals only", mend)


def _store() -> Check:
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
    scheme = urlsplit(uri).scheme
    if scheme in ("http", "https"):
        return _server(uri)
    if scheme == "sqlite":
        return _database(uri)
    if scheme in ("", "file"):
        mend = f"unset MLFLOW_TRACKING_URI, or set it to a database such as {DEFAULT_STORE}"
        return Check("tracking store", False, f"{_public(uri)}: MLflow no longer writes to folders", mend)
    return Check("tracking store", True, f"{_public(uri)}: not checked, only SQLite files and servers are")


def _public(uri: str) -> str:
    """The URI without user name and password: what is printed gets pasted into reports."""
    return uri.replace(f"{urlsplit(uri).netloc.rpartition('@')[0]}@", "") if "@" in urlsplit(uri).netloc else uri


def _server(uri: str) -> Check:
    parts = urlsplit(uri)
    address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    try:
        socket.create_connection(address, timeout=SERVER_SECONDS).close()
    except (OSError, UnicodeError) as error:
        mend = "start it, or unset MLFLOW_TRACKING_URI; what was run meanwhile is fed by `python -m benchmarks track`"
        return Check("tracking store", False, f"{_public(uri)} does not answer ({error})", mend)
    return Check("tracking store", True, f"{_public(uri)} answers")


def _database(uri: str) -> Check:
    path = Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))
    if not path.exists():
        return _writable("tracking store", path, "set MLFLOW_TRACKING_URI to another database")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=SERVER_SECONDS)) as base:
            (runs,) = base.execute("SELECT count(*) FROM runs").fetchone()
    except sqlite3.Error as error:
        mend = f"move {path} away: `python -m benchmarks track` fills a fresh one from the journals"
        return Check("tracking store", False, f"{path} is no MLflow database ({error})", mend)
    if not os.access(path, os.W_OK):
        return Check("tracking store", False, f"{path} cannot be written", f"make {path} writable")
    return Check("tracking store", True, f"{path}, {runs} runs")


def _data_sets(data: Path | None) -> Iterator[tuple[str, Callable[[], Check]]]:
    """One check per data card."""
    for name in cards.names():
        yield f"data set {name}", partial(_data_set, name, data)


def _data_set(name: str, data: Path | None) -> Check:
    title, card = f"data set {name}", cards.card(name)
    try:
        found = _found(card, data)
    except UserError as error:
        return Check(title, False, str(error), card.obtain)
    if found:
        return Check(title, True, found)
    if data is not None:
        return Check(title, False, f"not in {data}", card.obtain)
    if card.kind == "folder":
        return Check(title, True, "not here, and nothing downloads it", card.obtain)
    where = "by Hugging Face datasets" if card.kind == "text" else f"into {cache_folder()}"
    return Check(title, True, f"not here: downloaded {where} when it is first needed", card.obtain)


def _found(card: DataCard, data: Path | None) -> str:
    """What is there, its content compared with the card's; "" where nothing is."""
    from benchmarks.workloads.data.images import checksums, cifar, digits, folder_tree
    from benchmarks.workloads.data.text import generated, imdb, imdb_places

    if card.download is None and card.kind != "folder":
        _ = generated.read(card) if card.kind == "text" else digits.read(card)
        return "generated" if card.kind == "text" else "comes with scikit-learn"
    if card.kind == "folder":
        place = folder_tree.locate(card, data)
        if place is None:
            return ""
        there = folder_tree.index(place).identified
        return f"{place}: {there.classes} classes, {there.train_samples} and {there.test_samples} images (not opened)"
    assert card.download is not None
    locate = imdb_places.locate if card.kind == "text" else cifar.locate
    place = locate(card, folder=data)
    if place is None:
        return ""
    if card.kind == "text":
        imdb.read_place(card, place)
    else:  # the checksums of what is read; nothing is opened
        checksums.verified(card, place, [*card.download.split("train"), *card.download.split("test")])
    return f"{place}, as published"
