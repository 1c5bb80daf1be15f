"""Golden runs: very small runs with kept numbers, for every method, executor, network and family of data.

A case is a complete spec, so no default and no table changes it. `tools/golden.py` keeps the outcomes in `golden.json`;
`test_golden.py` compares them.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.threads.recorder import RecordingExecutor
from benchmarks.hardware.card import Card, Costs, DeviceSpeeds
from benchmarks.hardware.delays import Delay
from benchmarks.runner import identity
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.training import Training, load_data
from benchmarks.workloads.data.cards import Augmentation
from benchmarks.workloads.data.images.in_memory import ImageSet
from benchmarks.workloads.data.load import DataSet, load
from benchmarks.workloads.networks import names
from benchmarks.workloads.workload import Workload
from methods.registry import own
from results.records.schedule import Part, WorkerSchedule
from results.records.spec import RunSpec
from tests.distributed import together

FILE = Path(__file__).with_name("golden.json")
CLOSE = 1e-5
"""Largest error under another torch or on another kind of CPU, relative to numbers above 1."""
BF16_CLOSE = 0.02
EVERYWHERE = ("train_loss", "loss", "learning_rate", "staleness_updates")
SIMULATED = ("staleness_seconds", "gradient_wait_seconds", "virtual_seconds")

CARD = Card(
    name="golden",
    title="a device of golden runs",
    source="made up: compute, links and updates all take time",
    flops_per_second=2e7,
    link=Costs(latency_seconds=2e-4, bytes_per_second=1e7),
    update=Costs(latency_seconds=1e-4, bytes_per_second=1e8),
)

WORKLOAD: dict[str, Any] = {
    "name": "cifar10-resnet20",
    "family": "cifar10",
    "scale": "smoke",
    "dataset": "digits",
    "dataset_sha256": "",
    "train_samples": 107,  # neither 2 nor 3 devices divide the 13 batches; three samples are left over
    "test_samples": 40,
    "augment": False,
    "resolution": None,
    "text": None,
    "network": "resnet20",
    "stem": "cifar",
    "width": 4,
    "blocks": [1, 1, 1],
    "embedding": None,
    "batch": 8,
    "epochs": 2,
    "patience": 2,
    "optimizer": {
        "name": "sgd",
        "momentum": 0.9,
        "weight_decay": 0.0005,
        "decay_bn": True,
        "nesterov": False,
        "lars_trust": 0.001,
    },
    "schedule": {
        "kind": "cosine",
        "lr": 0.02,
        "base_batch": None,
        "warm_up": "constant",
        "warm_up_epochs": 1.0,
        "warm_up_lr": 0.01,
        "t_max": 2.0,
        "after_t_max": "torch",
        "milestones": [],
        "gamma": 0.1,
        "stepped": "epoch",
    },
    "threads": 1,
    "precision": "float32",
    "price": "flops",
    "price_batch": None,
}
"""All fields that every run's spec has."""
FEW: dict[str, Any] = {
    "epochs": 1,
    "width": 8,
    "batch": 16,
    "train_samples": 67,
    "schedule": {"lr": 0.002, "warm_up_lr": 0.002},
}
"""Trains four batches, so weights change little: on other processors deep networks soon differ."""
GPT: dict[str, Any] = {
    "family": "tinyshakespeare",
    "dataset": "generated-prose",
    "network": "gpt",
    "task": "next_token",
    "tokens": {"unit": "characters", "vocabulary": 1024, "context": 16},
    "blocks": [2],
    "heads": 2,
    "optimizer": {"name": "adamw", "beta2": 0.99, "weight_decay": 0.1, "clip": 0.5},
    "schedule": {"warm_up": "linear", "floor": 0.0005, "stepped": "update"},
}
NETWORKS: dict[str, dict[str, Any]] = {
    "resnet18 on digit-pairs": {
        "family": "cifar100",
        "dataset": "digit-pairs",
        "network": "resnet18",
        "blocks": [1, 1, 1, 1],
    },
    "resnet18 on digit-scenes": {
        "family": "imagenet",
        "dataset": "digit-scenes",
        "network": "resnet18",
        "stem": "imagenet",
        "blocks": [1, 1, 1, 1],
    },
    "resnet50 on digits": {"network": "resnet50", "blocks": [1, 1, 1, 1]},
    "resnet20 on digit-pairs": {"family": "cifar100", "dataset": "digit-pairs", "blocks": [2, 1, 1]},
    "wrn16_8 on digits": {"network": "wrn16_8", "width": 1},
    "squeezenet on digits": {"network": "squeezenet", "width": 4},
    "lstm on reviews": {
        "family": "imdb",
        "dataset": "reviews",
        "network": "lstm",
        "text": {"vocabulary": 1000, "length": 40, "keep": "last"},
        "width": 16,
        "blocks": None,
        "embedding": 16,
        "optimizer": {"name": "adam", "weight_decay": 0.0},
    },
    "gpt on generated-prose": GPT,
    "gpt on generated-prose, muon": {**GPT, "optimizer": {"name": "muon", "weight_decay": 0.1}},
    "gpt on generated-prose, nadam": {**GPT, "optimizer": {"name": "nadam"}, "schedule": {"kind": "inverse_sqrt"}},
    "resnet18 on a folder of images": {
        "family": "imagenet",
        "dataset": "imagenet",
        "network": "resnet18",
        "stem": "imagenet",
        "blocks": [1, 1, 1, 1],
        "resolution": 24,
        "augment": True,
        "train_samples": None,
        "test_samples": None,
        "batch": 4,
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": {"name": "adam"}},
    "lars": {"optimizer": {"name": "lars", "lars_trust": 0.03}},
    "nesterov": {"optimizer": {"nesterov": True, "decay_bn": False}},
    "crops and flips": {"augment": True},
    "bfloat16": {"precision": "bf16"},
    "drained": {"drain_every": 5},
    "evaluated within epochs": {"evaluate_every": 0.5},
    "steps down": {"schedule": {"kind": "multistep", "milestones": [1.0], "warm_up_epochs": 0.0, "stepped": "update"}},
    "linear warm-up": {"schedule": {"kind": "constant", "warm_up": "linear", "stepped": "update", "base_batch": 4}},
}
"""Settings of a workload, tried with Async LU."""
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("bp", {"momentum": "per_updater", "updates": "overwrite"}),
    ("bp", {"delay": 2}),
    ("async_lu", {"queue": 4, "backward_workers": 3, "momentum": "per_updater"}),
    ("async_lu", {"updates": "overwrite", "weights": "forward", "forward_workers": 2}),
    ("async_lu", {"rate": "delay_adaptive", "backward_workers": 3}),
    ("async_bu", {"updates": "overwrite", "queue": 2}),
    ("lapsgd", {"updaters": 2, "weights": "current", "shares": "dynamic", "bn_buffers": "per_device"}),
    ("lapsgd", {"updaters": 2, "period": 2, "switch": 0.0, "consensus": "first"}),
    ("lppsgd", {"updaters": 2}),
    ("pdasgd", {"exchange": "none", "queue": 1}),
    ("hogwild", {"weights": "current"}),
    ("plsgd", {"averages": "weights_and_momentum", "period": 2}),
    ("cocod", {"averages": "weights_and_momentum", "period": 2}),
    ("adpsgd", {"devices": 4, "weights": "current", "shares": "dynamic"}),
    ("pipeline", {"stages": 3, "locking": "forward", "weights": "forward", "cut": "parameters"}),
    ("diloco", {"devices": 2, "period": 4, "fragments": 2, "delay": 1, "alpha": 0.5}),
    (
        "async_localsgd",
        {"devices": 2, "period": 2, "grace": 0.005, "outer.name": "delayed_nesterov", "weighting": "polynomial"},
    ),
    ("async_localsgd", {"period": 2, "dylu": True, "outer.name": "delayed_sgd"}),
    ("sgp", {"delay": 1, "graph": "complete"}),
    ("layup", {"weights": "forward", "shares": "equal"}),
    ("noloco", {"period": 2, "bn_buffers": "per_device"}),
)
PLAIN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("bp", {}),
    ("mbsgd", {"devices": 1}),
    ("ddp", {"devices": 1}),
    ("lapsgd", {"devices": 1}),
)
"""Methods with options that make them plain SGD on any executor."""
DELAYS = tuple(
    Delay(kind=kind, device=device, steps=2.0) for device, kind in enumerate(("heavy_tailed", "bursts", "constant"))
)

UNLIKE = DeviceSpeeds(factors=(1.0, 1.5, 2.5), step_seconds=0.01, noise=0.05)


@dataclass(frozen=True)
class Case:
    """A golden run. name: in the file. same_as: case that must have the same numbers except seconds."""

    name: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    workload: Mapping[str, Any] = field(default_factory=dict)
    executor: str = "virtual"
    card: Card = CARD
    same_as: str = ""

    @property
    def spec(self) -> RunSpec:
        simulated = executors.executor(self.executor).simulated
        work = merged(WORKLOAD, self.workload)
        work["name"] = f"{work['family']}-{work['network']}"
        hardware = {"name": self.card.name, "sha256": self.card.sha256} if simulated else {"name": "", "cores": 1}
        fields = {
            "workload": work,
            "method": {"name": self.method, "options": methods.create(self.method, self.options).recorded()},
            "executor": self.executor,
            "hardware": hardware,
            "device": "cpu",
            "seed": 0,
            "torch": "",
        }
        return RunSpec.model_validate(fields)

    @property
    def digest(self) -> str:
        """Digest of the case's settings; another digest makes another case."""
        return hashlib.sha256(json.dumps(self.spec.document(), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def version(self) -> int:
        """Version of the numerics for this case."""
        method_class = methods.method_class(self.method)
        return identity.version(method_class, self.executor, self.spec.workload)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the document with these changes, nested ones included."""
    document = deepcopy(dict(base))
    for name, value in changes.items():
        inside = document.get(name)
        document[name] = merged(inside, value) if isinstance(value, Mapping) and isinstance(inside, dict) else value
    return document


def cases() -> list[Case]:
    """Returns all cases, including replays of the schedules in the file."""
    together.registered()  # whichever of them a process carries out first
    all_cases = [Case(f"{name}, virtual", name) for name in own()]
    all_cases += [Case(f"{_titled(name, options)}, virtual", name, options) for name, options in OPTIONS]
    all_cases += [Case(f"async_lu, {title}", "async_lu", workload=changes) for title, changes in SETTINGS.items()]
    all_cases += [Case("pdasgd, stragglers", "pdasgd", card=CARD.delayed(DELAYS))]
    all_cases += [Case("ringmaster, unlike devices", "ringmaster", card=CARD.model_copy(update={"devices": UNLIKE}))]
    all_cases += [
        Case(title, "bp", workload=merged(FEW, changes)) for title, changes in {**NETWORKS, **_others()}.items()
    ]
    for name, options in PLAIN:
        for place in ("threads", together.NAME):
            all_cases += [
                Case(f"{_titled(name, options)}, {place}", name, options, executor=place, same_as="bp, virtual")
            ]
    all_cases += [Case(f"{name}, replay", name, executor="replay") for name in own()]
    return all_cases


def _others() -> dict[str, dict[str, Any]]:
    """Returns image networks that are not in NETWORKS, with one block per stage."""
    covered = {"resnet20", *(changes.get("network") for changes in NETWORKS.values())}
    return {
        f"{name} on digits": {"network": name, "blocks": [1] * len(network.blocks)}
        for name, network in names.NETWORKS.items()
        if network.inputs == "images" and name not in covered
    }


def _titled(name: str, options: Mapping[str, Any]) -> str:
    return " ".join([name, *(f"{key}={value}" for key, value in options.items())])


# ---- carrying them out


def carried_out(case: Case, schedule: str = "") -> dict[str, Any]:
    """Trains a case -> its last metrics, and a digest of all weights and buffers. schedule: of a replay."""
    with tempfile.TemporaryDirectory() as folder:
        training = _training(case, Path(folder))
        if case.executor == "replay":
            training.executor.follow(_unpacked(schedule))  # type: ignore[attr-defined]
        return _outcome(training, simulated=executors.executor(case.executor).simulated)


def recorded(case: Case) -> str:
    """Records a schedule on threads, for the replay of this method."""
    with tempfile.TemporaryDirectory() as folder:
        training = _training(replace(case, executor="threads"), Path(folder), record=True)
        _outcome(training, simulated=False)
    assert isinstance(training.executor, RecordingExecutor)
    return _packed(training.executor.take_schedule())


def _training(case: Case, folder: Path, *, record: bool = False) -> Training:
    spec = case.spec.model_copy(update={"recorded": True}) if record else case.spec
    training = Training(spec, _data(case, folder), case.card if executors.executor(case.executor).needs_card else None)
    training.executor.method = training.method  # type: ignore[attr-defined]  # ranks of a process ask for it
    return training


def _data(case: Case, folder: Path) -> DataSet:
    work = Workload.of(case.spec.workload)
    if work.dataset == "imagenet":
        return _images(folder)
    data = load_data(work, None)
    if work.augment and isinstance(data, ImageSet):
        return replace(data, card=replace(data.card, augmentation=Augmentation(1, True)))
    return data


def _images(folder: Path) -> DataSet:
    """Writes a tree of images of several sizes and decodes it."""
    draw = np.random.default_rng(7)
    for split, count in (("train", 6), ("val", 3)):
        for label in ("n01440764", "n02102040"):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / label / f"{number}.png")
    return load("imagenet", folder=folder, resolution=24)


def _outcome(training: Training, *, simulated: bool) -> dict[str, Any]:
    work = training.work
    for number in range(1, int(work.epochs / work.evaluate_every) + 1):
        metrics = training.until(number * work.evaluate_every)
    digest = hashlib.sha256()
    for layer in (layer for replica in training.team.replicas for layer in replica.layers):
        for tensor in layer.module.state_dict().values():
            digest.update(str((tensor.dtype, tuple(tensor.shape))).encode() + tensor.numpy().tobytes())
    names = (*EVERYWHERE, *(SIMULATED if simulated else ()))
    return {"weights": digest.hexdigest()[:16], **{name: metrics[name] for name in names}}


def _packed(parts: Sequence[Part]) -> str:
    documents = [
        {name: ["".join(schedule.effects), schedule.numbers] for name, schedule in part.items()} for part in parts
    ]
    return b64encode(zlib.compress(json.dumps(documents).encode(), 9)).decode()


def _unpacked(text: str) -> list[Part]:
    documents = json.loads(zlib.decompress(b64decode(text)))
    return [
        {name: WorkerSchedule(list(letters), numbers) for name, (letters, numbers) in part.items()}
        for part in documents
    ]


# ---- comparing


def here() -> dict[str, str]:
    """Returns everything besides code on which the bits depend."""
    return {
        "torch": identity.torch_minor(),
        "cpu": cpu_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def kept() -> dict[str, Any]:
    """Returns the file's content: where it was made, and the outcome of each case by name."""
    if not FILE.is_file():
        return {"where": here(), "cases": {}}
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return document


def moved(case: Case, before: Mapping[str, Any], after: Mapping[str, Any], *, exactly: bool) -> list[str]:
    """Describes differences of a case's outcome: in any bit, or beyond the rounding of another processor."""
    close = BF16_CLOSE if case.workload.get("precision") == "bf16" else CLOSE

    def same(name: str) -> bool:
        a, b = before[name], after[name]
        return bool(a == b) or (
            not exactly and (isinstance(a, str) or math.isclose(a, b, rel_tol=close, abs_tol=close))
        )

    common = [name for name in ("weights", *EVERYWHERE, *SIMULATED) if name in before and name in after]
    return [f"{name} {before[name]!r}, now {after[name]!r}" for name in common if not same(name)]
