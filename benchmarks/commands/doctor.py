"""`doctor`: checks which parts of this machine work with the suite, and says how to mend the rest.

No check raises, waits for a server longer than two seconds, downloads, or leaves a file behind.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from benchmarks.checkout import CHECKOUT, DISTRIBUTION, INSTALLED
from benchmarks.errors import UserError
from benchmarks.hardware.cores import usable_cores
from benchmarks.runner import environment, gpus
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder, is_tree
from benchmarks.workloads.data.present import downloaded_by, locate
from results.errors import ResultsError
from results.tracking import stores

COLORS = {"ok": "green", "mend": "yellow", "none": "blue"}
FREE_GIGABYTES = 1.0
SERVER_SECONDS = 2.0
REINSTALL = (
    f"`pip install --upgrade {DISTRIBUTION}`" if INSTALLED else "`uv sync`, or `pip install --upgrade --editable .`"
)
"""Commands that install the packages of pyproject.toml."""


@dataclass(frozen=True)
class Check:
    """The result of a check. ok: it works; detail: what the check saw; mend: how to mend it, "" where it is ok.

    absent: it is missing, and optional.
    """

    ok: bool
    detail: str
    mend: str = ""
    absent: bool = False

    @property
    def mark(self) -> str:
        """Returns the word that the check is listed with."""
        return "mend" if not self.ok else "none" if self.absent else "ok"


def run(out: Path, data: Path | None) -> dict[str, Check]:
    """Runs every check -> the results by name, in the order of a set-up. Imports torch (seconds).

    out: folder of results; data: the user's folder of data sets, if named.
    """
    checks: dict[str, Callable[[], Check]] = {
        "Python": python,
        "packages": packages,
        "torch": torch_works,
        "torchvision": torchvision_loads,
        "processors": processors,
        "CUDA": cuda,
        "threads": threads,
        "results folder": lambda: writable(out, "choose another with --out"),
        "free disk": lambda: disk(out),
        "mlflow": mlflow,
        "tracking store": store,
        **{f"data set {name}": partial(data_set, name, data) for name in cards.names()},
    }
    return {name: _run(check) for name, check in checks.items()}


def _run(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:
        return Check(False, f"the check itself failed: {_cause(error)}", "please report this")


def _cause(error: Exception) -> str:
    """Returns the class of the error, and the first line of its text."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def show(checks: Mapping[str, Check], console: Console) -> None:
    """Prints one line per check, and how to mend what does not work."""
    for name, check in checks.items():
        mark = f"[{COLORS[check.mark]}]{check.mark:4}[/]"
        console.print(f"{mark} [bold]{escape(name)}[/]: {escape(check.detail)}", highlight=False)
        if check.mark != "ok" and check.mend:
            console.print(f"     {check.mend}", highlight=False, markup=False, style="dim")


# ---- Python and packages


def python() -> Check:
    return Check(True, f"{platform.python_version()} at {sys.executable}")


def packages() -> Check:
    """Checks the packages that training needs, in the versions that pyproject.toml admits."""
    from packaging.requirements import Requirement

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    versions = {requirement: environment.package(requirement.name) for requirement in requirements}
    wrong = [
        f"{requirement.name} {version or 'missing'} (wanted {requirement.specifier})"
        for requirement, version in versions.items()
        if not (version and requirement.specifier.contains(version, prereleases=True))
    ]
    if wrong:
        return Check(False, "; ".join(wrong), f"run {REINSTALL}")
    return Check(True, f"all {len(requirements)} as pyproject.toml wants them")


def torch_works() -> Check:
    """Checks whether torch loads and multiplies."""
    try:
        import torch

        works = float(torch.ones(2) @ torch.ones(2)) == 2.0
    except Exception as error:
        again = "" if INSTALLED else "`uv sync`, or "
        return Check(False, _cause(error), f"run {again}`pip install --force-reinstall torch torchvision`")
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for the CPU"
    return Check(works, f"{torch.__version__}, {built}", "" if works else "install torch again")


def torchvision_loads() -> Check:
    """Checks whether torchvision loads beside this torch."""
    try:
        import torchvision

        return Check(True, torchvision.__version__)
    except Exception as error:  # a build that does not fit torch's fails with RuntimeError
        again = "pip install --force-reinstall torch torchvision" if INSTALLED else "uv sync --reinstall"
        return Check(False, _cause(error), f"install torch and torchvision together, from one source: `{again}`")


def mlflow() -> Check:
    """Checks whether runs can be fed into MLflow from here."""
    if version := environment.package("mlflow") or environment.package("mlflow-skinny"):
        return Check(True, version)
    get = "pip install mlflow" if INSTALLED else "uv sync --extra tracking"
    mend = f"run `{get}`, or train with --no-tracking and later, elsewhere, `python -m benchmarks track`"
    return Check(False, "not installed: runs are recorded in journals only", mend)


# ---- processors, devices and threads


def processors() -> Check:
    return Check(True, f"{usable_cores()} of {os.cpu_count()} usable, {platform.machine()}")


def cuda() -> Check:
    """Checks whether torch finds the driver's GPUs; says their memory, the driver, and TF32's default."""
    try:
        import torch
    except Exception:
        return Check(False, "unknown while torch does not load", "mend torch first")
    if not torch.cuda.is_available():
        if shutil.which("nvidia-smi") is None:
            return Check(True, "no device: runs train on the CPU", absent=True)
        mend = "install a driver that is new enough for this torch, or a torch that was built for CUDA"
        return Check(False, "nvidia-smi is here, but torch finds no device", mend)
    properties = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    devices = ", ".join(f"{gpu.name} ({gpu.total_memory / 2**30:.0f} GiB)" for gpu in properties)
    flags = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    products, convolutions = ("on" if flag else "off" for flag in flags)
    tf32 = f"TF32 {products} for products, {convolutions} in cuDNN until a run's precision sets both"
    detail = f"{len(properties)}: {devices}; driver {gpus.driver() or 'not told by nvidia-smi'}; {tf32}"
    try:
        gpus.detect()
    except UserError as error:
        return Check(False, detail, str(error))
    return Check(True, detail)


def threads() -> Check:
    """Checks how OpenMP's idle threads will wait; a user's OMP_WAIT_POLICY overrides the suite's choice."""
    if policy := os.environ.get("OMP_WAIT_POLICY"):
        detail = f"OMP_WAIT_POLICY={policy} is set: every process follows it, whatever its number of threads"
        return Check(False, detail, "unset OMP_WAIT_POLICY: each process then gets the policy that fits its threads")
    cores = usable_cores()
    return Check(
        True,
        f"{cores} cores: idle OpenMP threads wait by the runtime's default, which spins, as long as each has a core; "
        f"beyond {cores} threads in all runs at a time together, passively; runs of 1 thread have none that waits",
    )


# ---- folders and the tracking store


def _nearest(path: Path) -> Path:
    """Returns the path itself if it exists, else the nearest folder above it that does."""
    path = path.expanduser().absolute()
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def writable(folder: Path, otherwise: str) -> Check:
    """Checks a folder by writing to it: permission bits do not show read-only or full disks."""
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Check(False, f"{folder}: cannot write in {place} ({reason})", f"make it writable, or {otherwise}")
    return Check(True, str(folder) if place == folder.expanduser().absolute() else f"{folder} (not there yet)")


def disk(out: Path) -> Check:
    """Checks whether there is room for results."""
    gigabytes = shutil.disk_usage(_nearest(out)).free / 1e9
    ok = gigabytes >= FREE_GIGABYTES
    mend = "" if ok else f"free {FREE_GIGABYTES:.0f} GB, or choose another disk with --out"
    return Check(ok, f"{gigabytes:.1f} GB", mend)


def store() -> Check:
    """Checks whether the tracking store is MLflow's, or its server answers. Changes nothing."""
    uri = stores.chosen(None)
    shown = stores.shown(uri)
    if stores.is_server(uri):
        try:
            stores.connect(uri, SERVER_SECONDS)
        except (OSError, ValueError) as error:
            mend = "start it, or unset MLFLOW_TRACKING_URI; `python -m benchmarks track` feeds the runs later"
            return Check(False, f"{shown} does not answer ({error})", mend)
        return Check(True, f"{shown} answers")
    if path := stores.database(uri):
        return _database(path)
    if urlsplit(uri).scheme in ("", "file"):
        mend = f"unset MLFLOW_TRACKING_URI, or set it to a database such as {stores.DEFAULT_URI}"
        return Check(False, f"{shown}: MLflow no longer writes to folders", mend)
    return Check(True, f"{shown}: not checked, only SQLite files and servers are")


def _database(path: Path) -> Check:
    if not path.exists():
        return writable(path, "set MLFLOW_TRACKING_URI to another database")
    try:
        runs = stores.runs_in(path)
    except ResultsError as error:
        mend = f"move {path} away: `python -m benchmarks track` fills a fresh one from the journals"
        return Check(False, str(error), mend)
    if not os.access(path, os.W_OK):
        return Check(False, f"{path} cannot be written", f"make {path} writable")
    return Check(True, f"{path}, {runs} runs")


# ---- data sets


def data_set(name: str, data: Path | None) -> Check:
    """Checks whether the data set is here, as published, or can be downloaded."""
    card = cards.card(name)
    try:
        description = _located(card, data)
    except UserError as error:
        return Check(False, str(error), card.obtain)
    if description:
        return Check(True, description)
    if data is not None:
        return Check(False, f"not in {data}", card.obtain)
    by = downloaded_by(card)
    if not by:
        return Check(True, "not here, and nothing downloads it", card.obtain, absent=True)
    if by == "datasets" and not environment.package("datasets"):
        detail = "not here, and the package that downloads it is not installed"
        return Check(True, detail, card.obtain, absent=True)
    destination = "by Hugging Face datasets" if by == "datasets" else f"into {cache_folder()}"
    return Check(True, f"not here: downloaded {destination} when it is first needed", absent=True)


def _located(card: DataCard, data: Path | None) -> str:
    """Returns where a data set is, after comparing its content with the card's; "" where it is not here."""
    from benchmarks.workloads.data import archives
    from benchmarks.workloads.data.images import cifar, digits, folder_tree
    from benchmarks.workloads.data.text import corpus, generated, imdb

    if card.embedded:
        readers: dict[str, Callable[[DataCard], object]] = {"text": generated.read, "corpus": corpus.read}
        readers.get(card.kind, digits.read)(card)
        return "comes with scikit-learn" if card.kind == "images" else "generated"
    place = locate(card, data)
    if place is None:
        return ""
    if card.kind == "folder":
        return f"{place}: {folder_tree.form(card, place).label} (not opened)"
    if is_tree(card, place):
        cifar.read_place(card, place)
        return f"{place}: {card.as_tree.label}"
    if card.kind == "corpus":
        corpus.read_place(card, place)
    elif card.kind == "text":
        imdb.read_place(card, place)
    else:  # the checksums of what is read; nothing is opened
        archives.verified(card, place, [*card.published.split("train"), *card.published.split("test")])
    return f"{place}, as published"
