"""From tables and choices to runs: what exactly is going to be done, before any of it is. Imports no torch."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import methods
from benchmarks.data.cards import DataCard, card
from benchmarks.data.tree import find
from benchmarks.errors import UserError
from benchmarks.hardware import Card
from benchmarks.hardware import load as load_card
from benchmarks.tables import BASELINE, Row, Table
from benchmarks.workloads import Workload, workload
from results.identity import identity

ROOT = Path(__file__).parents[1]
EXECUTORS = ("virtual", "threads")

# What makes the numerics: an edit to any of these makes other runs; an edit to tables, reports or records does not.
NUMERICS = (
    "benchmarks/charge.py",
    "benchmarks/dry.py",
    "benchmarks/executors/{executor}.py",
    "benchmarks/executors/channels.py",
    "benchmarks/executors/collectives.py",
    "benchmarks/executors/devices.py",
    "benchmarks/executors/processes.py",
    "benchmarks/hardware/__init__.py",
    "benchmarks/hardware/delays.py",
    "benchmarks/networks.py",
    "benchmarks/optimizers.py",
    "benchmarks/pricing.py",
    "benchmarks/replica.py",
    "benchmarks/schedules.py",
    "benchmarks/shapes.py",
    "benchmarks/staleness.py",
    "benchmarks/streams.py",
    "benchmarks/team.py",
    "benchmarks/training.py",
    "benchmarks/work.py",
    "benchmarks/data/arrays.py",
    "benchmarks/data/draws.py",
    "benchmarks/data/sampling.py",
    "benchmarks/data/sets.py",
    "methods/base.py",
    "methods/effects.py",
)

DATA_SOURCES = {
    "images": ("benchmarks/data/images.py", "benchmarks/data/embedded.py"),
    "folder": ("benchmarks/data/imagefolder.py", "benchmarks/data/decode.py", "benchmarks/data/tree.py"),
    "text": (
        "benchmarks/data/text.py",
        "benchmarks/data/tokens.py",
        "benchmarks/data/english.py",
        "benchmarks/data/reviews.py",
    ),
}


@dataclass(frozen=True)
class Choices:
    """What the command line chose, checked."""

    scale: str = "smoke"
    seeds: int = 3
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    executor: str = "virtual"
    card: Card | None = None  # --hardware; without it every table has its own
    device: str = "cpu"
    data: Path | None = None  # where to look for data that does not come with a dependency
    peak: float | None = None  # FLOP/s of a core here, or of the GPU, where calibrate has measured it: of MFU
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
        work = self.spec["workload"]
        return f"{work['name']} {self.labels['method_title']}, seed {self.spec['seed']}"


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
        for row in rows(table, choices):
            work = row_workload(table, network, row, choices)
            settings = choices.settings.get(row.method, {})
            shared = table.options_of(replace(row, options={}))
            method = methods.create(row.method, {**shared, **settings, **row.options})
            planned += [run(work, row, method, seed, choices, card_of(table, choices)) for seed in range(choices.seeds)]
    return planned


def table_workload(table: Table, network: str, choices: Choices) -> Workload:
    """What the rows of a table have in common on a network."""
    return workload(table.family, network, choices.scale, dict(choices.settings.get("workload", {})))


def row_workload(table: Table, network: str, row: Row, choices: Choices) -> Workload:
    """The table's, with the row's own batch and settings; what the user set goes before both."""
    chosen = choices.settings.get("workload", {})
    batch = workload(table.family, network, choices.scale).at_batch(row.batch) if row.batch else {}
    return workload(table.family, network, choices.scale, {**batch, **row.workload, **chosen})


def card_of(table: Table, choices: Choices) -> Card | None:
    """The hardware card that all rows of a table share; None for real time."""
    if choices.executor != "virtual":
        return None
    return choices.card or load_card(table.card)


def run(work: Workload, row: Row, method: methods.Method, seed: int, choices: Choices, shared: Card | None) -> Run:
    if row.delays and shared is None:
        raise UserError(f"{row.key}: devices can be delayed on the virtual clock only; leave out --executor threads.")
    known, hardware = card(work.dataset), shared.delayed(row.delays) if shared is not None else None
    spec = {
        "workload": {
            "name": work.name,
            **work.model_dump(mode="json"),
            "dataset_sha256": data_sha256(known, choices.data),
            "data": known.identity(),
        },
        "method": {"name": method.name, "options": method.describe()},
        "executor": choices.executor,
        "hardware": hardware_of(hardware),
        **({"charged": charged(work)} if hardware is not None else {}),
        "device": choices.device,
        "seed": seed,
        "torch": torch_minor(),
        "sources": sources(type(method), choices.executor, known.kind),
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
        "device_count": method.devices if hardware is not None else real_devices(choices),
        "peak_flops_per_second": hardware.peak_flops_per_second if hardware is not None else choices.peak,
        "data_label": known.label,
    }
    return Run(identity(spec), spec, labels)


SHAPE = ("dataset", "network", "stem", "width", "blocks", "embedding", "resolution", "text")


def charged(work: Workload) -> dict[str, Any]:
    """Whose seconds a simulated step costs: what of the paper's workload its FLOPs hang on."""
    return (work if work.price == "flops" else work.charged).model_dump(mode="json", include=set(SHAPE))


def data_sha256(known: DataCard, folder: Path | None) -> str:
    """The data's fingerprint: of a folder of images what its tree is found to be, "" where there is none."""
    if known.kind != "folder":
        return known.fingerprint
    found = find(known, folder)
    return found.sha256 if found is not None else ""


def hardware_of(card: Card | None) -> dict[str, Any]:
    """What decides time: the card under the virtual clock, this machine in real time."""
    if card is None:
        return {"name": cpu_name(), "cores": os.cpu_count() or 1}
    delays = {"delays": [delay.label for delay in card.delays]} if card.delays else {}
    return {"name": card.name, "sha256": card.sha256, **delays}


def real_devices(choices: Choices) -> int:
    """What real threads share: this machine's cores, or its one GPU."""
    return 1 if choices.device == "cuda" else os.cpu_count() or 1


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


def sources(method: type[methods.Method], executor: str, kind: str) -> str:
    """A digest of the files that make a run's numbers, the method's own (a plug-in's, too) among them."""
    files = [ROOT / name.format(executor=executor) for name in (*NUMERICS, *DATA_SOURCES[kind])]
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
