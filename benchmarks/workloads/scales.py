"""The papers' hyperparameters, and ours at the smaller scales: literals, one entry per data set and network.

A: arXiv:2410.05985v1, Table 10; where section 4.1 contradicts it, Table 10 (docs/decisions/0002).
B: arXiv:2203.06638, Tables 1 to 11 and section 3.1; what it leaves to its references comes from its authors' scripts
and from Lin et al. (arXiv:1808.07217): docs/decisions/0005.
OURS are neither's: GPT is nanoGPT's setting for a processor (github.com/karpathy/nanoGPT, README and
config/train_shakespeare_char.py), ViT on CIFAR-10 our own.
"""

from __future__ import annotations

from typing import Any

FAMILIES = ("cifar10", "cifar100", "imagenet", "imdb", "tinyshakespeare")

Fields = dict[str, Any]

# ---- paper scale

_CIFAR: Fields = {"train_samples": 50000, "test_samples": 10000}
_A_CIFAR: Fields = {**_CIFAR, "width": 64, "batch": 128, "epochs": 150}

# Table 10: T_max and warm-up per data set and network.
TABLE_10: dict[tuple[str, str], Fields] = {
    ("cifar100", "resnet18"): {"t_max": 100, "warm_up_epochs": 5},
    ("cifar100", "resnet50"): {"t_max": 120, "warm_up_epochs": 5},
    ("cifar10", "resnet18"): {"t_max": 105, "warm_up_epochs": 3},
    ("cifar10", "resnet50"): {"t_max": 120, "warm_up_epochs": 5},
    ("imagenet", "resnet50"): {"t_max": 250, "warm_up_epochs": 5, "warm_up_lr": 0.0035},
    ("imdb", "lstm"): {"lr": 0.001, "t_max": 150, "warm_up_epochs": 0},
}


def _b(epochs: int, lr: float, milestones: tuple[float, ...], gamma: float, decay: float) -> Fields:
    """Returns the fields of paper B's workloads: patience is the whole budget, the cosine ends with the run."""
    schedule = {"lr": lr, "warm_up": "linear", "warm_up_lr": lr, "warm_up_epochs": 5, "t_max": epochs + 0.1 - 5}
    return {
        "epochs": epochs,
        "patience": epochs,
        "schedule": {**schedule, "milestones": milestones, "gamma": gamma},
        "optimizer": {"weight_decay": decay, "nesterov": True, "decay_bn": False},
    }


def _warm(lr: float, warm_up: float, t_max: float, *, floor: float = 0.0, warm_up_lr: float = 0.0) -> Fields:
    """Returns the schedule of transformers: a linear warm-up, then a cosine down to a floor, stepped every update."""
    shape = {"warm_up": "linear", "warm_up_epochs": warm_up, "warm_up_lr": warm_up_lr, "t_max": t_max}
    return {"lr": lr, **shape, "floor": floor, "after_t_max": "hold", "stepped": "update"}


def _b_cifar(width: int, base_batch: int, *schedule: Any) -> Fields:
    fields, rate = _b(*schedule), {"base_batch": base_batch}
    return {**_CIFAR, "width": width, "batch": 128, **fields, "schedule": {**fields["schedule"], **rate}}


_IMAGENET: Fields = {"train_samples": None, "test_samples": None, "width": 64, "stem": "imagenet", "resolution": 224}
_RESNET20 = _b_cifar(16, 128, 300, 0.1, (150, 225), 0.1, 5e-4)
_WRN = _b_cifar(8, 64, 200, 0.05, (60, 120, 160), 0.2, 1e-4)  # the scripts: 0.4 on 8 devices at batch 64
# 250 batches an epoch, 2,000 in all, 100 of them warm-up. Clipped layer by layer: nanoGPT clips the norm of all.
_GPT: Fields = {
    "train_samples": 3000,
    "test_samples": None,
    "augment": False,
    "task": "next_token",
    "tokens": {"unit": "characters", "context": 64},
    "width": 128,
    "batch": 12,
    "epochs": 8,
    "patience": 8,
    "optimizer": {"name": "adamw", "beta2": 0.99, "weight_decay": 0.1, "clip": 1.0},
    "schedule": _warm(1e-3, 100 / 250, 8 - 100 / 250, floor=1e-4, warm_up_lr=1e-3 / 101),
}
_VIT: Fields = {
    **_CIFAR,
    "width": 192,
    "batch": 128,
    "epochs": 100,
    "patience": 100,
    "optimizer": {"name": "adamw", "weight_decay": 0.05, "clip": 1.0},
    "schedule": _warm(1e-3, 5, 95),
}
_RESNET18_IMAGENET = _b(90, 0.0125, (30, 60, 80), 0.1, 5e-5)

PAPER: dict[tuple[str, str], Fields] = {
    ("cifar10", "resnet18"): _A_CIFAR,
    ("cifar10", "resnet50"): _A_CIFAR,
    ("cifar100", "resnet18"): _A_CIFAR,
    ("cifar100", "resnet50"): _A_CIFAR,
    ("imagenet", "resnet50"): {
        **_IMAGENET,
        "batch": 300,
        "epochs": 300,
        "optimizer": {"weight_decay": 0.0035},
    },
    ("imdb", "lstm"): {
        "train_samples": None,
        "test_samples": None,
        "augment": False,
        "text": {},
        "width": 256,
        "embedding": 128,
        "batch": 75,
        "epochs": 150,
        "optimizer": {"name": "adam", "weight_decay": 0.0},
    },
    ("cifar10", "resnet20"): _RESNET20,
    ("cifar100", "resnet20"): _RESNET20,
    ("cifar10", "wrn16_8"): _WRN,
    ("cifar100", "wrn16_8"): _WRN,
    ("cifar10", "squeezenet"): _b_cifar(16, 128, 300, 0.1, (150, 225), 0.1, 5e-4),
    ("imagenet", "resnet18"): {
        **_IMAGENET,
        "batch": 32,
        **_RESNET18_IMAGENET,
        "schedule": {**_RESNET18_IMAGENET["schedule"], "base_batch": 32},
    },
}
OURS: dict[tuple[str, str], Fields] = {("cifar10", "vit"): _VIT, ("tinyshakespeare", "gpt"): _GPT}
"""Pairs that no paper of the suite's trains."""
PAIRS = (*PAPER, *OURS)
TRAINED = {network for _, network in PAPER}
"""The networks that a paper trains on some data."""
TIMED = {"resnet18": "cifar100", "resnet50": "cifar100", "lstm": "imdb", "gpt": "tinyshakespeare", "vit": "cifar10"}
"""The networks by which a machine is measured, each on the family of its data."""
PAPER_B = {pair for pair in PAIRS if pair[1] in ("resnet20", "wrn16_8", "squeezenet")} | {("imagenet", "resnet18")}

# ---- smoke: what comes with a dependency, in seconds; how it was chosen: docs/decisions/0018

# Samples fill the batches of every row on all of its devices: of paper A multiples of 32 x 3, of paper B of 64 x 8.
SMOKE_DATA: dict[str, Fields] = {
    "cifar10": {"dataset": "digits", "train_samples": 576, "test_samples": 360},
    "cifar100": {"dataset": "digit-pairs", "train_samples": 576, "test_samples": 300},
    "imagenet": {"dataset": "digit-scenes", "train_samples": 768, "test_samples": 400, "stem": "imagenet"},
    "imdb": {"dataset": "reviews", "train_samples": 1152, "test_samples": 384},
    "tinyshakespeare": {"dataset": "generated-prose", "train_samples": 576, "test_samples": 128},
}
SMOKE_SAMPLES_B = {"cifar10": 1024, "cifar100": 1024, "imagenet": 2048}
_SMOKE: Fields = {"epochs": 6, "patience": 6, "augment": False, "resolution": None}
SMOKE_A: Fields = {
    **_SMOKE,
    "epochs": 12,
    "patience": 12,
    "width": 8,
    "batch": 32,
    "schedule": {"lr": 0.05, "warm_up_epochs": 1, "warm_up_lr": 0.02, "t_max": 11},
    "optimizer": {"weight_decay": 0.0005},
}
SMOKE_B: Fields = {
    **_SMOKE,
    "batch": 16,
    "schedule": {
        "lr": 0.02,
        "base_batch": 16,
        "warm_up": "linear",
        "warm_up_epochs": 1,
        "warm_up_lr": 0.02,
        "t_max": 5,
        "milestones": (3, 5),
    },
    # Six epochs are too few for the papers' eta of LARS, 0.001.
    "optimizer": {"weight_decay": 0.0005, "nesterov": True, "decay_bn": False, "lars_trust": 0.03},
}
SMOKE_RATES_B: dict[str, Fields] = {"cifar100": {"lr": 0.05, "warm_up_lr": 0.05}}
SMOKE_WRN: Fields = {
    **SMOKE_B,
    "schedule": {**SMOKE_B["schedule"], "lr": 0.01, "warm_up_lr": 0.01, "base_batch": 8},  # half the others' batch
}
SMOKE_IMDB: Fields = {
    **_SMOKE,
    "text": {"vocabulary": 1000, "length": 40},
    "width": 32,
    "embedding": 32,
    "batch": 64,
    "schedule": {"lr": 0.01, "t_max": 6, "warm_up_epochs": 0},
    "optimizer": {"name": "adam", "weight_decay": 0.0},
}
# Transformers keep their blocks at every scale, since a step is charged block by block.
SMOKE_GPT: Fields = {
    **_SMOKE,
    "tokens": {"unit": "characters", "context": 32},
    "width": 32,
    "batch": 16,
    "epochs": 8,
    "patience": 8,
    "schedule": _warm(3e-3, 0.7, 7.3, floor=3e-4),
}
SMOKE_VIT: Fields = {
    **_SMOKE,
    "epochs": 12,
    "patience": 12,
    "width": 32,
    "patch": 2,
    "batch": 32,
    "schedule": _warm(6e-3, 1, 11),
}
# LPP-SGD gives each of its updaters a layer at least: six of them in tables 3 and 7 of paper B.
SMOKE_SHAPES: dict[str, Fields] = {
    "resnet18": {"width": 8, "blocks": (1, 1, 1, 1)},
    "resnet50": {"width": 8, "blocks": (1, 1, 1, 1)},
    "resnet20": {"width": 8, "blocks": (2, 1, 1)},
    "wrn16_8": {"width": 1, "blocks": (1, 1, 1)},
    "squeezenet": {"width": 4, "blocks": (1, 1, 1)},
}

# ---- small: the real data, or a part of it, on two cores: one to three minutes of a core a run

# How it was chosen: docs/decisions/0012. Samples as at smoke, of paper A multiples of 32 x 3, of paper B of 128 x 8, of
# IMDb of 75; ImageNet has its folder's.

_SMALL: Fields = {"epochs": 12, "patience": 12}
SMALL_A: Fields = {
    **_SMALL,
    "width": 8,
    "batch": 32,
    "train_samples": 6144,
    "test_samples": 2000,
    "schedule": {"lr": 0.05, "warm_up_epochs": 1, "warm_up_lr": 0.02, "t_max": 11},
    "optimizer": {"weight_decay": 0.0005},
}
SMALL_B: Fields = {
    **_SMALL,
    "epochs": 10,
    "patience": 10,
    "batch": 32,
    "train_samples": 6144,
    "test_samples": 2000,
    "schedule": {
        "lr": 0.02,
        "base_batch": 32,
        "warm_up": "linear",
        "warm_up_epochs": 1,
        "warm_up_lr": 0.02,
        "t_max": 9,
        "milestones": (5, 8),
    },
    "optimizer": {"weight_decay": 0.0005, "nesterov": True, "decay_bn": False, "lars_trust": 0.01},
}
SMALL_WRN: Fields = {
    **SMALL_B,
    "epochs": 8,
    "patience": 8,
    "train_samples": 5120,
    "schedule": {
        **SMALL_B["schedule"],
        "lr": 0.01,
        "warm_up_lr": 0.01,
        "base_batch": 16,
        "t_max": 7,
        "milestones": (4, 6),
    },
}
SMALL_IMAGENET: Fields = {"train_samples": None, "test_samples": None, "resolution": 128, "batch": 32, "width": 16}
SMALL_IMDB: Fields = {
    **_SMALL,
    "text": {"vocabulary": 20000, "length": 200},
    "width": 64,
    "embedding": 64,
    "batch": 75,
    "train_samples": 9975,
    "test_samples": 5000,
    "epochs": 8,
    "patience": 8,
    "schedule": {"lr": 0.003, "t_max": 8, "warm_up_epochs": 0},
    "optimizer": {"name": "adam", "weight_decay": 0.0},
}
SMALL_GPT: Fields = {"width": 64, "train_samples": 3024, "schedule": _warm(2e-3, 100 / 252, 8 - 100 / 252, floor=2e-4)}
SMALL_VIT: Fields = {
    **_SMALL,
    "width": 48,
    "batch": 32,
    "train_samples": 6144,
    "test_samples": 2000,
    "schedule": _warm(1e-3, 1, 11),
}
SMALL_SHAPES: dict[str, Fields] = {
    "resnet50": {"blocks": (2, 2, 2, 2)},
    "resnet20": {"width": 8},
    "wrn16_8": {"width": 1},
    "squeezenet": {"width": 8},
}
# Where a network is not as the others of its paper.
SMOKE: dict[str, Fields] = {"lstm": SMOKE_IMDB, "wrn16_8": SMOKE_WRN, "gpt": SMOKE_GPT, "vit": SMOKE_VIT}
SMALL: dict[str, Fields] = {"lstm": SMALL_IMDB, "wrn16_8": SMALL_WRN, "gpt": SMALL_GPT, "vit": SMALL_VIT}

# ---- budgets of scale small: the same at 4 and 20 times its samples; why so: docs/decisions/0025

BUDGETS: dict[int, tuple[float, float]] = {1: (1, 1), 4: (2, 2), 20: (45000 / 6144, 33 / 12)}
"""Budget, in times the samples that scale small trains on -> factors of its data and of its epochs."""
# Rounded down to these, samples fill the batches of every row on all of its devices.
_WHOLE = {"imdb": 75, "tinyshakespeare": 144}
_WHOLE_A, _WHOLE_B = 192, 1024


def at_budget(fields: Fields, family: str, network: str, budget: int) -> Fields:
    """Returns the fields of scale small at a budget: more samples, more epochs, and the schedule as much longer.

    network: the one whose settings these are. The rate is the same function of the share of the run at every budget.
    """
    of_samples, of_epochs = BUDGETS[budget]
    whole = _WHOLE.get(family, _WHOLE_B if (family, network) in PAPER_B else _WHOLE_A)
    epochs = round(fields["epochs"] * of_epochs)
    longer, schedule = epochs / fields["epochs"], dict(fields["schedule"])
    schedule |= {key: schedule[key] * longer for key in ("warm_up_epochs", "t_max") if key in schedule}
    if "milestones" in schedule:
        schedule["milestones"] = tuple(epoch * longer for epoch in schedule["milestones"])
    samples = int(fields["train_samples"] * of_samples) // whole * whole
    grown = {"train_samples": samples, "epochs": epochs, "patience": round(fields["patience"] * longer)}
    return {**fields, **grown, "schedule": schedule}


def size_of(scale: str, budget: int) -> str:
    """Returns a scale and its budget in words: "small, 4 times the samples"."""
    return scale if budget == 1 else f"{scale}, {budget} times the samples"


def fields_of(family: str, network: str, scale: str) -> Fields:
    """Returns the fields of a workload at a scale; those that are missing have their type's default."""
    pair = family, network
    fields: Fields = {"dataset": family, **(PAPER.get(pair) or OURS[pair])}
    if pair in TABLE_10:
        fields["schedule"] = TABLE_10[pair]
    if scale == "paper":
        return fields
    fields |= {"price_batch": fields["batch"]}
    by_paper_b = pair in PAPER_B
    if scale == "smoke":
        own_fields = SMOKE.get(network, SMOKE_B if by_paper_b else SMOKE_A)
        fields = {**fields, **own_fields, **SMOKE_DATA[family], **SMOKE_SHAPES.get(network, {})}
        if by_paper_b:
            fields["train_samples"] = SMOKE_SAMPLES_B[family]
            fields["schedule"] = {**own_fields["schedule"], **SMOKE_RATES_B.get(family, {})}
        return fields
    own_fields = SMALL.get(network, SMALL_B if by_paper_b else SMALL_A)
    return {**fields, **own_fields, **SMALL_SHAPES.get(network, {}), **(SMALL_IMAGENET if family == "imagenet" else {})}
