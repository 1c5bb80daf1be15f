"""From tables and choices to runs: what exactly is going to be done, before any of it is. Imports no torch."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import methods
from benchmarks.data.cards import card
from benchmarks.errors import UserError
from benchmarks.hardware import Card
from benchmarks.tables import BASELINE, Row, Table
from benchmarks.workloads import Workload, workload
from results.identity import identity

ROOT = Path(__file__).parents[1]
EXECUTORS = ("virtual", "threads")

# What makes the numerics: an edit to any of these makes other runs; an edit to tables, reports or records does not.
NUMERICS = (
    "benchmarks/dry.py",
    "benchmarks/executors/{executor}.py",
    "benchmarks/executors/devices.py",
    "benchmarks/hardware/__init__.py",
    "benchmarks/networks.py",
    "benchmarks/pricing.py",
    "benchmarks/replica.py",
    "benchmarks/schedules.py",
    "benchmarks/staleness.py",
    "benchmarks/streams.py",
    "benchmarks/team.py",
    "benchmarks/training.py",
    "benchmarks/work.py",
    "benchmarks/data/arrays.py",
    "benchmarks/data/batches.py",
    "benchmarks/data/draws.py",
    "benchmarks/data/embedded.py",
    "benchmarks/data/sets.py",
    "methods/base.py",
    "methods/effects.py",
)


@dataclass(frozen=True)
class Choices:
    """What the command line chose, checked."""

    scale: str = "smoke"
    seeds: int = 3
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    executor: str = "virtual"
    card: Card | None = None  # None for real time
    device: str = "cpu"
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # "workload" or a method -> key -> value
    plugins: tuple[Path, ...] = ()
    plugin_methods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """One training run: its identity is the hash of its spec; labels are for people."""

    id: str
    spec: Mapping[str, Any]
    labels: Mapping[str, Any]

    @property
    def title(self) -> str:
        return f"{self.spec['workload']['network']} {self.labels['method_title']}, seed {self.spec['seed']}"


def rows(table: Table, choices: Choices) -> tuple[Row, ...]:
    """The table's rows, those of plug-ins, and further methods that were asked for by name; filtered by --method."""
    extra = [name for name in (*choices.plugin_methods, *choices.methods) if name in methods.names()]
    all_rows = list(table.rows)
    for name in dict.fromkeys(extra):
        if name not in {row.method for row in all_rows}:
            all_rows.append(Row(name, note="not in the paper's table"))
    if not choices.methods:
        return tuple(all_rows)
    chosen = [row for row in all_rows if row.method in choices.methods or row.key in choices.methods]
    if "relative_speedup" in table.measures and BASELINE.key not in {row.key for row in chosen}:
        chosen.append(BASELINE)
    return tuple(chosen)


def networks(table: Table, choices: Choices) -> tuple[str, ...]:
    return tuple(network for network in table.networks if not choices.networks or network in choices.networks)


def runs(table: Table, choices: Choices) -> list[Run]:
    """The runs of a table: network x row x seed. Tables that show the same runs share them, by identity."""
    planned = []
    for network in networks(table, choices):
        work = workload(table.family, network, choices.scale, dict(choices.settings.get("workload", {})))
        for row in rows(table, choices):
            method = methods.create(row.method, {**choices.settings.get(row.method, {}), **row.options})
            planned += [run(work, row, method, seed, choices) for seed in range(choices.seeds)]
    return planned


def run(work: Workload, row: Row, method: methods.Method, seed: int, choices: Choices) -> Run:
    spec = {
        "workload": {
            "name": work.name,
            **work.model_dump(mode="json"),
            "dataset_sha256": card(work.dataset).fingerprint,
            "data": card(work.dataset).identity(),
        },
        "method": {"name": method.name, "options": method.describe()},
        "executor": choices.executor,
        "hardware": hardware(choices),
        "device": choices.device,
        "seed": seed,
        "torch": torch_minor(),
        "sources": sources(type(method), choices.executor),
    }
    devices = f"{method.devices} {'device' if method.devices == 1 else 'devices'}"
    if choices.executor == "virtual":
        devices += " (simulated)"
    else:
        devices = f"threads on one {choices.device}"
    labels = {
        "row": row.key,
        "method_title": row.label,
        "network_label": work.label,
        "devices": devices,
        "data_label": card(work.dataset).label,
    }
    return Run(identity(spec), spec, labels)


def hardware(choices: Choices) -> dict[str, Any]:
    """What decides time: the card under the virtual clock, this machine in real time."""
    if choices.card is not None:
        return {"name": choices.card.name, "sha256": choices.card.sha256}
    return {"name": cpu_name(), "cores": os.cpu_count() or 1}


@cache
def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def torch_minor() -> str:
    """Raises UserError when torch is not installed."""
    try:
        return ".".join(version("torch").split("+")[0].split(".")[:2])
    except PackageNotFoundError:
        raise UserError(
            "PyTorch is not installed: follow the README's first command, or `pip install torch`."
        ) from None


def sources(method: type[methods.Method], executor: str) -> str:
    """A digest of the files that make a run's numbers, the method's own (a plug-in's, too) among them."""
    files = [ROOT / name.format(executor=executor) for name in NUMERICS]
    files += [Path(inspect.getfile(cls)) for cls in method.__mro__ if issubclass(cls, methods.Method)]
    return _digest(tuple(dict.fromkeys(files)))


@cache
def _digest(files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def distinct(planned: Iterable[Run]) -> list[Run]:
    """Each run once, in the order of the plan."""
    return list({run.id: run for run in planned}.values())


def in_order(planned: Sequence[Run]) -> list[Run]:
    """Seed by seed, so that an interrupted grid has whole rows of few seeds rather than few rows of all seeds."""
    return sorted(planned, key=lambda run: int(run.spec["seed"]))
