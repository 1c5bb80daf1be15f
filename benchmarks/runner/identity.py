"""What defines a run's numbers: its data, its hardware, its sources."""

from __future__ import annotations

import hashlib
import inspect
import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import methods
from benchmarks.checkout import ROOMS
from benchmarks.errors import UserError
from benchmarks.hardware.card import Card
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.gpus import Gpus
from benchmarks.runner.node import Node
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.images.folder_tree import find
from benchmarks.workloads.data.present import as_found
from benchmarks.workloads.networks.names import files_of
from benchmarks.workloads.workload import Workload
from results.records.spec import ChargedSpec, HardwareSpec

NUMERICS = (
    "methods",
    "benchmarks/executors",
    "benchmarks/hardware",
    "benchmarks/workloads",
    "benchmarks/runner/training.py",
    "results/records/evaluating.py",
)
"""Whole rooms, the training loop, and where in it runs are evaluated: an edit in them makes other runs; one of tables,
reports or other records does not."""

SHAPE = ("dataset", "network", "stem", "width", "blocks", "embedding", "resolution", "text")


def charged(work: Workload) -> ChargedSpec:
    """Whose seconds a simulated step costs: what of the paper's workload its FLOPs hang on."""
    whose = work if work.price == "flops" else work.charged
    return ChargedSpec.model_validate(whose.model_dump(mode="json", include=set(SHAPE)))


def data_sha256(known: DataCard, folder: Path | None) -> str:
    """The data's fingerprint, in the form that is found; of a folder what it is found to hold, "" where none is."""
    if known.kind != "folder":
        return as_found(known, folder).fingerprint
    found = find(known, folder)
    return found.sha256 if found is not None else ""


def hardware_of(card: Card | None, gpus: Gpus | None = None, node: Node | None = None) -> HardwareSpec:
    """What decides time: the card under the virtual clock; in real time the GPUs on CUDA, else the CPU.

    node: whose CPU that is, if it is not this machine's.
    """
    if card is None and gpus is not None:
        return HardwareSpec(name=gpus.name, gpus=gpus.count)
    if card is None:
        cpu, cores = (node.cpu, node.cores) if node is not None else (cpu_name(), os.cpu_count() or 1)
        return HardwareSpec(name=cpu, cores=cores)
    if not card.delays:
        return HardwareSpec(name=card.name, sha256=card.sha256)
    return HardwareSpec(name=card.name, sha256=card.sha256, delays=[delay.label for delay in card.delays])


@cache
def torch_minor() -> str:
    """Raises UserError when torch is not installed."""
    try:
        return ".".join(version("torch").split("+")[0].split(".")[:2])
    except PackageNotFoundError:
        raise UserError(
            "PyTorch is not installed: follow the README's first command, or `pip install torch`."
        ) from None


def sources(method: type[methods.Method], network: str = "") -> str:
    """A digest of the rooms that make a run's numbers, and of the own files of a method or network that is not ours."""
    own = (Path(inspect.getfile(cls)).resolve() for cls in method.__mro__ if issubclass(cls, methods.Method))
    plugins = [path for path in own if not path.is_relative_to(ROOMS / "methods")]
    return _digest(ROOMS, tuple(dict.fromkeys([*plugins, *files_of(network)])))


@cache
def _digest(checkout: Path, plugins: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for path in _files(checkout):
        digest.update(path.relative_to(checkout).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for path in plugins:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(checkout: Path) -> list[Path]:
    places = [checkout / name for name in NUMERICS]
    found = [path for place in places for path in ([place] if place.is_file() else place.rglob("*.py"))]
    return sorted(found, key=lambda path: path.relative_to(checkout).as_posix())
