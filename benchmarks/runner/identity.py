"""Computes parts of a run's identity: its data, its hardware, the version of the numerics, a user's own files."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import methods
from benchmarks.checkout import PACKAGES
from benchmarks.errors import UserError
from benchmarks.hardware.card import Card
from benchmarks.runner import numerics
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.gpus import Gpus, Node
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.images.folder_tree import find
from benchmarks.workloads.data.present import card_on_disk
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.workload import Workload
from methods.later import left_out
from results.records.spec import ChargedSpec, HardwareSpec, RunSpec, WorkloadSpec

SHAPE = ("dataset", "network", "stem", "width", "blocks", "embedding", "resolution", "text", "tokens", "heads", "patch")


def charged(work: Workload) -> ChargedSpec:
    """Returns the fields of the workload that prices simulated steps: the run's own, or the published one."""
    priced = work if work.price == "flops" else work.charged
    fields = priced.model_dump(mode="json", include=set(SHAPE), exclude=left_out(priced))
    return ChargedSpec.model_validate(fields)


def data_sha256(data: DataCard, folder: Path | None) -> str:
    """Fingerprint of the data on this machine; for a folder of images that of its files, "" if there is no folder."""
    if data.kind != "folder":
        return card_on_disk(data, folder).fingerprint
    content = find(data, folder)
    return content.sha256 if content is not None else ""


def hardware_of(card: Card | None, gpus: Gpus | None = None, node: Node | None = None) -> HardwareSpec:
    """Returns the hardware that decides time: the card on the virtual clock, else the GPUs on CUDA, else the CPU.

    node: the machine that trains, if not this one.
    """
    if card is None and gpus is not None:
        return HardwareSpec(name=gpus.name, gpus=gpus.count)
    if card is None:
        cpu, cores = (node.cpu, node.cores) if node is not None else (cpu_name(), os.cpu_count() or 1)
        return HardwareSpec(name=cpu, cores=cores)
    changes = {"delays": [delay.label for delay in card.delays], "absent": [absence.label for absence in card.absent]}
    return HardwareSpec.model_validate(
        {"name": card.name, "sha256": card.sha256, **{key: labels for key, labels in changes.items() if labels}}
    )


@cache
def torch_minor() -> str:
    """Version of torch without its patch: "2.8". Raises UserError if torch is not installed."""
    try:
        return ".".join(metadata.version("torch").split("+")[0].split(".")[:2])
    except metadata.PackageNotFoundError:
        raise UserError(
            "PyTorch is not installed: follow the README's first command, or `pip install torch`."
        ) from None


def version(method: type[methods.Method], executor: str, work: Workload | WorkloadSpec) -> int:
    """Version of the numerics for such a run."""
    names = [cls.name for cls in method.__mro__ if issubclass(cls, methods.Method) and hasattr(cls, "name")]
    return numerics.version(names, executor, work.network, work.dataset)


def sources(method: type[methods.Method], of_work: Iterable[Path] = (), *, ours: bool | None = None) -> str | None:
    """Digest of the files of a user's method, network and task, and of the suite's numerics; None for no files.

    of_work: files of network and task. ours: whether the suite's files are included; None: only if they were edited.
    """
    ours = numerics.edited() if ours is None else ours
    files = tuple(dict.fromkeys([*_plugins(method), *of_work]))
    return numerics.digest(files, ours=ours) if ours or files else None


@cache
def _plugins(method: type[methods.Method]) -> tuple[Path, ...]:
    files = (Path(inspect.getfile(cls)).resolve() for cls in method.__mro__ if issubclass(cls, methods.Method))
    return tuple(path for path in files if not path.is_relative_to(PACKAGES / "methods"))


def different(spec: RunSpec, code: str | None, own: Own = NONE) -> str:
    """Says what would change a planned run's numbers here: "torch", "numerics", "sources", or "" for nothing.

    code: digest of the numerics' files where the run was planned. own: the user's own files, as loaded here.
    """
    method = methods.method_class(spec.method.name)
    if spec.torch != torch_minor():
        return "torch"
    if spec.numerics != version(method, spec.executor, spec.workload):
        return "numerics"
    files = own.files_of(spec.workload.network, spec.workload.task)
    digests = [sources(method, files, ours=ours) for ours in (False, True)]
    return "" if code == numerics.digest() and spec.sources in digests else "sources"
