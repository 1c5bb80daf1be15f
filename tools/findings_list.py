"""Contents of docs/findings-tables.md: rows of tables of the kept runs, and the pairs of rows that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from benchmarks.runner.choices import Choices
from benchmarks.runner.gpus import Gpus, Node
from benchmarks.runner.tuning.search import TuningBudget

BEST = "best_accuracy_percent"
CHOSEN = Choices(scale="small", seeds=tuple(range(10)))


@dataclass(frozen=True)
class Finding:
    """Rows of tables that share data, network and card: the rows shown, and pairs (a, b) that are compared.

    rows: key of a table's row -> its words here. against: pairs of keys; the table shows the first minus the second.
    measures: the first is compared and drawn; none: the best of what the runs are judged by, and seconds per epoch.
    interactions: two pairs each; shown is the first pair's difference minus the second's, which is 0 where two effects
    add up. second_cpu: runs that were trained again on the second kind of CPU count, in place of the first ones.
    """

    name: str
    title: str
    tables: Sequence[str]
    rows: Mapping[str, str]
    against: Sequence[tuple[str, str]]
    measures: Sequence[str] = ()
    network: str = "resnet18"
    interactions: Sequence[tuple[tuple[str, str], tuple[str, str]]] = ()
    second_cpu: bool = False
    choices: Choices = CHOSEN


@dataclass(frozen=True)
class Reproduced:
    """A table at the papers' own scale, beside what was published.

    settings: of the workload, where not as published.
    """

    name: str
    title: str
    table: str
    network: str
    rows: Mapping[str, str]
    measures: Sequence[str]
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Tuned:
    """Rows of a table as published, and each at its own best rate, as `tune` searches it.

    samples: budget of samples, of scale small. shown: that of the rows shown, if the rates found are used on another.
    """

    name: str
    title: str
    table: str
    network: str
    methods: Sequence[str]
    search: TuningBudget
    samples: int = 1
    shown: int = 0

    @property
    def elsewhere(self) -> bool:
        """Whether the rates are used on another budget than they were searched on."""
        return self.shown not in (0, self.samples)


@dataclass(frozen=True)
class Rungs:
    """Pairs of a table's rows, the first minus the second, at several budgets of scale small, with their trends.

    rates: factor of the table's learning rate, of rows that have another.
    """

    name: str
    title: str
    table: str
    pairs: Sequence[tuple[str, str]]
    budgets: Sequence[int] = (1, 4, 20)
    network: str = "resnet18"
    rates: Mapping[str, float] = field(default_factory=dict)


CIFAR_10, CIFAR_100 = (f"{data}, ResNet-18 at scale small" for data in ("CIFAR-10", "CIFAR-100"))
ALL = {
    "bp": "BP, one device",
    "async_lu": "Async LU",
    "async_bu": "Async BU",
    "ddp": "DDP",
    "lapsgd": "LAP-SGD (= LPP-SGD)",
    "lapsgd@updaters=2": "LAP-SGD, 2 updaters",
    "lppsgd@updaters=2": "LPP-SGD, 2 updaters",
}
COMMON = ("bp", "async_lu", "async_bu", "ddp", "lapsgd")
LAP = {
    "bp": "BP, one device",
    "async_lu": "Async LU",
    "ddp": "DDP",
    "ddp@learning_rate=linear": "DDP, rate x 3",
    "lapsgd": "LAP-SGD",
    "lapsgd@learning_rate=linear": "LAP-SGD, rate x 3",
    "lapsgd@updaters=4": "LAP-SGD, 4 updaters",
    "lapsgd@updaters=4,learning_rate=linear": "LAP-SGD, 4 updaters, rate x 3",
    "lapsgd@stem=imagenet": "LAP-SGD, 7x7 stem",
    "lapsgd@learning_rate=linear,stem=imagenet": "LAP-SGD, rate x 3, 7x7 stem",
    "lapsgd@updaters=4,stem=imagenet": "LAP-SGD, 4 updaters, 7x7 stem",
    "lapsgd@updaters=4,learning_rate=linear,stem=imagenet": "LAP-SGD, 4 updaters, rate x 3, 7x7 stem",
}
RIVALS = (
    ("async_lu", "bp"),
    ("async_bu", "bp"),
    ("async_lu", "async_bu"),
    ("async_lu", "ddp"),
    ("async_lu", "lapsgd"),
    ("lapsgd@updaters=2", "lapsgd"),
    ("lppsgd@updaters=2", "lapsgd@updaters=2"),
)
DEEPER = [row for row in ALL if row not in ("ddp", "lppsgd@updaters=2")]
STALENESS = {
    "bp": "BP, one device",
    "async_lu": "Async LU: rendezvous, 2 backward workers",
    "async_lu@queue=1": "Async LU, queue 1",
    "async_lu@queue=4": "Async LU, queue 4",
    "async_lu@queue=16": "Async LU, queue 16",
    "async_lu@backward_workers=1": "Async LU, 1 backward worker",
    "async_lu@backward_workers=3": "Async LU, 3 backward workers",
    "async_lu@backward_workers=4": "Async LU, 4 backward workers",
    "async_lu@weights=forward": "Async LU, weights of the forward pass",
    "async_lu@updates=overwrite": "Async LU, overwriting",
    "async_lu@queue=4,updates=overwrite": "Async LU, queue 4, overwriting",
    "async_bu": "Async BU",
}
ACTIVATIONS = {
    "bp": "BP, one device",
    "async_lu": "Async LU",
    "async_lu@activations=charged": "Async LU, activations charged",
    "async_bu": "Async BU",
    "async_bu@activations=charged": "Async BU, activations charged",
    "async_lu@queue=4": "Async LU, queue 4",
    "async_lu@queue=4,activations=charged": "Async LU, queue 4, activations charged",
    "async_lu@queue=16,activations=charged": "Async LU, queue 16, activations charged",
}
TRIPLE, PLAIN = "workload.schedule.lr=0.15", "workload.optimizer.momentum=0"
FACTORS = {
    "bp": "BP",
    "bp@batch=384": "BP, batch x 3",
    f"bp@{TRIPLE}": "BP, rate x 3",
    f"bp@batch=384,{TRIPLE}": "BP, batch x 3, rate x 3",
    "bp@delay=1": "BP, a step late",
    f"bp@{PLAIN}": "BP, no momentum",
    f"bp@delay=1,{PLAIN}": "BP, a step late, no momentum",
    "async_lu": "Async LU",
    "async_lu@weights=forward": "Async LU, weights of the forward pass",
    f"async_lu@{TRIPLE}": "Async LU, rate x 3",
    f"async_lu@{PLAIN}": "Async LU, no momentum",
    "ddp": "DDP",
    "ddp@learning_rate=linear": "DDP, rate x 3",
}
BATCHES, LATER_BP, LU = ("bp@batch=384", "bp"), ("bp@delay=1", "bp"), ("async_lu", "bp")
RATE, RATE_OF_LU, RATE_OF_DDP, RATE_AT_384 = (
    (f"bp@{TRIPLE}", "bp"),
    (f"async_lu@{TRIPLE}", "async_lu"),
    ("ddp@learning_rate=linear", "ddp"),
    (f"bp@batch=384,{TRIPLE}", "bp@batch=384"),
)
PLAIN_LATE, PLAIN_LU = (f"bp@delay=1,{PLAIN}", f"bp@{PLAIN}"), (f"async_lu@{PLAIN}", f"bp@{PLAIN}")
SLOWED = {"": "", "@delay=constant": ", constant", "@delay=heavy_tailed": ", heavy-tailed", "@delay=bursts": ", bursts"}
STRAGGLERS = {
    **{f"ddp{key}": f"DDP{words}" for key, words in SLOWED.items()},
    **{f"lapsgd{key}": f"LAP-SGD{words}" for key, words in SLOWED.items()},
    **{f"pdasgd{key}": f"PD-ASGD{words}" for key, words in SLOWED.items()},
}
LARGE_BATCHES = {
    "mbsgd@batch=128": "MB-SGD, batch 128",
    "mbsgd@batch=1024": "MB-SGD, batch 1024",
    "plsgd@batch=128": "PL-SGD, batch 128",
    "plsgd@batch=1024": "PL-SGD, batch 1024",
    "lapsgd@updaters=4,batch=128": "LAP-SGD, 4 updaters, batch 128",
    "lapsgd@updaters=6,batch=128": "LAP-SGD, 6 updaters, batch 128",
    "lapsgd@updaters=4,batch=256": "LAP-SGD, 4 updaters, batch 256",
    "lppsgd@updaters=4,batch=128": "LPP-SGD, 4 updaters, batch 128",
    "lppsgd@updaters=6,batch=128": "LPP-SGD, 6 updaters, batch 128",
    "lppsgd@updaters=4,batch=256": "LPP-SGD, 4 updaters, batch 256",
    "lapsgd@updaters=8,batch=128": "LAP-SGD, 8 updaters, batch 128",
    "mbsgd@batch=1024,optimizer=lars": "MB-SGD, batch 1024, LARS",
    "plsgd@batch=1024,optimizer=lars": "PL-SGD, batch 1024, LARS",
    "lapsgd@updaters=4,batch=256,optimizer=lars": "LAP-SGD, 4 updaters, batch 256, LARS",
    "lppsgd@updaters=4,batch=256,optimizer=lars": "LPP-SGD, 4 updaters, batch 256, LARS",
}
ON_CIFAR_100 = [row for row in LARGE_BATCHES if not ("256" in row or "lars" in row or "updaters=8" in row)]
ON_WRN = {
    row.format(devices): f"{words}, {devices} devices"
    for devices in (2, 4, 8)
    for row, words in {
        "mbsgd@devices={},batch=128": "MB-SGD, batch 128",
        "mbsgd@devices={},batch=512": "MB-SGD, batch 512",
        "plsgd@devices={},batch=128": "PL-SGD, batch 128",
        "plsgd@devices={},batch=512": "PL-SGD, batch 512",
        "lapsgd@devices={},updaters=4,batch=64": "LAP-SGD, 4 updaters, batch 64",
        "lppsgd@devices={},updaters=3,batch=64": "LPP-SGD, 3 updaters, batch 64",
    }.items()
}
PERIOD = {
    f"lapsgd@updaters=6,period={period},switch={switch},batch=128": f"LAP-SGD, K = {period}, P = {share}"
    for period, switch, share in (
        (1, 0.5, "half"),
        (4, 0.5, "half"),
        (8, 0.5, "half"),
        (8, 0, "none"),
        (16, 0.5, "half"),
    )
}
STEM = {
    "async_lu": "Async LU",
    "lapsgd": "LAP-SGD (= LPP-SGD)",
    "lapsgd@stem=imagenet": "LAP-SGD (= LPP-SGD), 7x7 stem",
}
VERSION_3 = {"pdasgd": "PD-ASGD", "ddp": "DDP", "lppsgd": "LPP-SGD", "async_lu": "Async LU", "bp": "BP, one device"}
OTHERS = {
    "bp": "BP, one device",
    "pipeline@cut=authors": "FDG, K = 2",
    "pipeline@cut=authors,locking=forward": "DDG, K = 2",
    "pipeline@cut=authors,weights=forward": "FDG, K = 2, weights of the forward pass",
    "pipeline@cut=authors,stages=3": "FDG, K = 3",
    "async_lu": "Async LU",
    "ddp": "DDP, two devices",
    "lsgd@learning_rate=published": "L-SGD, two devices",
    "cocod": "CoCoD-SGD, two devices",
    "adpsgd": "AD-PSGD, two devices",
}
LANGUAGE = {
    "bp": "BP, one device",
    "async_lu": "Async LU",
    "async_bu": "Async BU",
    "pipeline": "FDG/DDG, 2 stages",
    "pipeline@weights=forward": "FDG/DDG, 2 stages, weights of the forward pass",
    "hogwild": "Hogwild!",
    "ddp": "DDP",
    "lsgd@learning_rate=published": "L-SGD",
    "lapsgd": "LAP-SGD",
    "lppsgd@updaters=2": "LPP-SGD, 2 updaters",
    "pdasgd": "PD-ASGD",
}
LOW_COMMUNICATION = {
    "bp": "BP, one device",
    "ddp": "DDP",
    "lsgd@period=21,learning_rate=published": "L-SGD, 21 steps",
    "diloco@period=21": "DiLoCo, 21 steps",
    "diloco@period=21,fragments=3,delay=1,alpha=0.5": "Streaming DiLoCo, 21 steps",
    "async_localsgd@period=21,outer.name=delayed_nesterov,outer.lr=0.7": "Async Local-SGD, 21 steps",
    "async_localsgd@period=21,inner=new,outer.name=delayed_nesterov,outer.lr=0.7": "Async Local-SGD, inner state new",
    "lapsgd@period=21": "LAP-SGD",
    "layup": "LayUp",
    "noloco@period=21": "NoLoCo, 21 steps",
    "sgp": "SGP",
    "easgd@period=21": "EASGD, 21 steps",
    "easgd@period=4": "EASGD, 4 steps",
}
ON_UNLIKE_DEVICES = LOW_COMMUNICATION | {
    "async_localsgd@period=21": "Async Local-SGD, naive",
    "async_localsgd@period=21,dylu=True,outer.name=delayed_nesterov,outer.lr=0.35": "Async Local-SGD, its authors'",
}
HEAVY = ("ddp", "lapsgd@period=21", "layup", "sgp", "easgd@period=4")
"""Rows whose first evaluation comes after the budget of bytes."""
BOUNDED = {
    "bp": "BP, one device",
    "bp@delay=7": "BP, one device, seven steps late",
    "hogwild@updaters=8": "Hogwild!, 8 updaters",
    "asgd": "ASGD",
    "ringmaster@threshold=8": "Ringmaster ASGD, R = 8",
    "ringmaster@threshold=2": "Ringmaster ASGD, R = 2",
    "rennala@gradients=2": "Rennala SGD, B = 2",
    "rennala@gradients=8": "Rennala SGD, B = 8",
}
COMPRESSED = {
    "ddp": "DDP",
    "topk@codec.name=int8": "DDP, 8 bits an entry",
    "topk@codec.share=0.1": "DDP, top 10 %",
    "topk@codec.share=0.01": "DDP, top 1 %",
    "topk@codec.share=0.001": "DDP, top 0.1 %",
    "signsgd": "EF-signSGD",
    "diloco": "DiLoCo, 16 steps",
    "diloco@codec.name=int8": "DiLoCo, 16 steps, 8 bits an entry",
    "diloco@codec.name=sign": "DiLoCo, 16 steps, signs",
}
LATE = {0: "", 1: ", a step late", 2: ", two steps late", 4: ", four steps late"}
DELAYED = {
    optimizer: {
        f"bp@{f'delay={delay},' if delay else ''}optimizer={optimizer}": f"{name}{words}"
        for delay, words in LATE.items()
    }
    for optimizer, name in (("sgd", "SGD"), ("adamw", "AdamW"), ("muon", "Muon"))
}
LATER = {optimizer: [(row, next(iter(rows))) for row in list(rows)[1:]] for optimizer, rows in DELAYED.items()}
"""Pairs of an optimizer's rows: delayed, and without a delay."""
TEST = ("test_accuracy_percent", "train_accuracy_percent", "train_time_seconds")
FULL_WIDTH = Choices(
    scale="paper",
    seeds=(0, 1, 2),
    device="cuda",
    node=Node("Intel(R) Xeon(R) Processor", 16, Gpus("NVIDIA H100 80GB HBM3", 1)),
    settings={
        "workload": {
            "epochs": "5",
            "patience": "150",
            "schedule.warm_up_epochs": "0.1",
            "schedule.t_max": "3.5",
            "precision": "tf32",
        }
    },
)
"""The papers' ResNet-18 and CIFAR-10 on one GPU; warm-up and cosine in proportion to 5 epochs of 150."""
FINDINGS = (
    Finding("methods", CIFAR_10, ("table1", "table7"), ALL, RIVALS),
    Finding(
        "full-width",
        "CIFAR-10, the papers' ResNet-18, 5 of 150 epochs",
        ("table1", "table7"),
        {row: ALL[row] for row in COMMON},
        tuple(combinations(COMMON, 2)),
        choices=FULL_WIDTH,
    ),
    Finding(
        "width-16",
        f"{CIFAR_10}, of width 16",
        ("table1", "table7"),
        {row: ALL[row] for row in COMMON},
        tuple(combinations(COMMON, 2)),
        choices=replace(CHOSEN, settings={"workload": {"width": "16"}}),
    ),
    Finding("cifar100", CIFAR_100, ("table3", "table8"), ALL, RIVALS),
    *(
        Finding(
            f"resnet50{ending}",
            f"{data}, ResNet-50 at scale small",
            tables,
            {row: ALL[row] for row in DEEPER},
            tuple(pair for pair in RIVALS if set(pair) <= set(DEEPER)),
            network="resnet50",
        )
        for ending, data, tables in (("", "CIFAR-10", ("table1",)), ("-cifar100", "CIFAR-100", ("table3",)))
    ),
    Finding(
        "imdb",
        "IMDb, LSTM at scale small",
        ("table6",),
        {row: ALL[row] for row in ("bp", "async_lu", "async_bu")},
        (("async_lu", "bp"), ("async_bu", "bp"), ("async_lu", "async_bu")),
        (BEST, "epochs_to_best", "seconds_per_epoch"),
        "lstm",
    ),
    Finding(
        "staleness",
        CIFAR_10,
        ("audit-staleness",),
        STALENESS,
        (
            *((row, "async_lu") for row in STALENESS if row not in ("bp", "async_lu", "async_bu")),
            ("async_lu@backward_workers=4", "async_bu"),
        ),
        (BEST, "staleness_updates", "lost_updates_percent", "seconds_per_epoch"),
    ),
    Finding(
        "factors",
        CIFAR_10,
        ("audit-factors",),
        FACTORS,
        (
            BATCHES,
            ("ddp", "bp@batch=384"),
            RATE,
            RATE_AT_384,
            RATE_OF_DDP,
            RATE_OF_LU,
            LATER_BP,
            LU,
            ("async_lu", "bp@delay=1"),
            ("async_lu", "async_lu@weights=forward"),
            (f"bp@{PLAIN}", "bp"),
            PLAIN_LATE,
            PLAIN_LU,
        ),
        (BEST, "staleness_updates"),
        interactions=(
            (RATE_AT_384, RATE),
            (RATE_OF_DDP, RATE),
            (RATE_OF_LU, RATE),
            (LATER_BP, PLAIN_LATE),
            (LU, PLAIN_LU),
        ),
        second_cpu=True,
    ),
    Finding(
        "activations",
        CIFAR_10,
        ("audit-activations",),
        ACTIVATIONS,
        tuple((f"{row}@activations=charged", row) for row in ("async_lu", "async_bu")),
        (BEST, "staleness_updates", "seconds_per_epoch"),
        second_cpu=True,
    ),
    Finding(
        "stragglers",
        CIFAR_100,
        ("v3-stragglers",),
        STRAGGLERS,
        tuple((row, row.partition("@")[0]) for row in STRAGGLERS if "@" in row),
        ("seconds_per_epoch", BEST),
    ),
    Finding(
        "large-batches",
        "CIFAR-10, ResNet-20 at scale small",
        ("lap-table1", "lap-table2", "lap-table3", "lap-table4", "lap-table11"),
        LARGE_BATCHES,
        (
            ("mbsgd@batch=1024", "mbsgd@batch=128"),
            ("plsgd@batch=1024", "plsgd@batch=128"),
            ("plsgd@batch=128", "mbsgd@batch=128"),
            ("lapsgd@updaters=6,batch=128", "mbsgd@batch=128"),
            ("lppsgd@updaters=6,batch=128", "mbsgd@batch=128"),
            ("lapsgd@updaters=4,batch=256", "mbsgd@batch=1024"),
            ("lapsgd@updaters=8,batch=128", "lapsgd@updaters=6,batch=128"),
            ("mbsgd@batch=1024,optimizer=lars", "mbsgd@batch=128"),
            ("plsgd@batch=1024,optimizer=lars", "plsgd@batch=128"),
            ("mbsgd@batch=1024,optimizer=lars", "mbsgd@batch=1024"),
            ("plsgd@batch=1024,optimizer=lars", "plsgd@batch=1024"),
            ("mbsgd@batch=1024,optimizer=lars", "lapsgd@updaters=4,batch=256,optimizer=lars"),
        ),
        TEST,
        "resnet20",
    ),
    Finding(
        "resnet20-cifar100",
        "CIFAR-100, ResNet-20 at scale small",
        ("lap-table7",),
        {row: LARGE_BATCHES[row] for row in ON_CIFAR_100},
        tuple((row, "mbsgd@batch=128") for row in ON_CIFAR_100 if row != "mbsgd@batch=128"),
        TEST,
        "resnet20",
    ),
    Finding(
        "wrn",
        "CIFAR-10, WRN-16-8 at scale small",
        ("lap-table6",),
        ON_WRN,
        tuple((row, row.replace("512", "128")) for row in ON_WRN if "512" in row)
        + tuple((row, f"mbsgd@devices={row.partition('=')[2][0]},batch=128") for row in ON_WRN if "updaters" in row),
        TEST,
        "wrn16_8",
    ),
    Finding(
        "period",
        "CIFAR-10, ResNet-20 at scale small",
        ("lap-table5",),
        PERIOD,
        tuple((row, list(PERIOD)[-1]) for row in list(PERIOD)[:-1]),
        TEST,
        "resnet20",
    ),
    Finding(
        "stem",
        CIFAR_100,
        ("audit-stem",),
        STEM,
        (("lapsgd@stem=imagenet", "lapsgd"), ("async_lu", "lapsgd"), ("async_lu", "lapsgd@stem=imagenet")),
    ),
    Finding(
        "v3",
        CIFAR_100,
        ("v3-mfu",),
        VERSION_3,
        tuple(("pdasgd", row) for row in VERSION_3 if row != "pdasgd"),
        (BEST, "model_flops_utilisation_percent", "seconds_per_epoch"),
    ),
    Finding(
        "others",
        CIFAR_10,
        ("others-cifar10",),
        OTHERS,
        (
            *((row, "bp") for row in OTHERS if row != "bp"),
            ("pipeline@cut=authors", "pipeline@cut=authors,weights=forward"),
            ("cocod", "lsgd@learning_rate=published"),
            ("adpsgd", "ddp"),
        ),
        (BEST, "test_accuracy_percent", "staleness_updates", "seconds_per_epoch"),
    ),
    Finding(
        "lm",
        "Tiny Shakespeare, GPT at scale small",
        ("lm",),
        LANGUAGE,
        (
            *((row, "bp") for row in LANGUAGE if row != "bp"),
            ("async_lu", "async_bu"),
            ("async_lu", "ddp"),
            ("async_lu", "lapsgd"),
            ("pipeline", "pipeline@weights=forward"),
        ),
        ("best_loss", "bits_per_byte", "staleness_updates", "seconds_per_epoch"),
        "gpt",
    ),
    Finding(
        "lm-optimizers",
        "Tiny Shakespeare, GPT at scale small, each row at its own best rate",
        ("lm-optimizers",),
        {row: words for rows in DELAYED.values() for row, words in rows.items()},
        tuple(pair for pairs in LATER.values() for pair in pairs),
        ("best_loss", "epochs_to_best", "staleness_updates"),
        "gpt",
        tuple(zip(LATER["adamw"], LATER["muon"], strict=True)),
    ),
    *(
        Finding(
            words,
            f"GPT at scale small, four devices alike: {budget}",
            ("lowcomm",),
            {row: label for row, label in LOW_COMMUNICATION.items() if row not in left_out},
            tuple((row, against) for row in LOW_COMMUNICATION if row not in (against, *left_out)),
            measures,
            "gpt",
        )
        for words, budget, against, left_out, measures in (
            ("lowcomm", "at equal samples", "ddp", (), ("best_loss", "sent_megabytes", "seconds_per_epoch")),
            ("lowcomm-seconds", "at equal seconds", "ddp", (), ("at_equal_seconds",)),
            ("lowcomm-bytes", "at equal bytes", "diloco@period=21", ("bp", *HEAVY), ("at_equal_bytes",)),
        )
    ),
    Finding(
        "lowcomm-unlike",
        "GPT at scale small, four devices of 0.58 to 3.33 s a step: at equal seconds",
        ("lowcomm-unlike",),
        ON_UNLIKE_DEVICES,
        (
            *((row, "ddp") for row in ON_UNLIKE_DEVICES if row != "ddp"),
            *((row, "diloco@period=21") for row in ON_UNLIKE_DEVICES if row.startswith("async_localsgd")),
        ),
        ("at_equal_seconds", "best_loss", "seconds_per_epoch"),
        "gpt",
    ),
    *(
        Finding(
            f"lowcomm-images{budget}",
            f"CIFAR-10, ResNet-20 at scale small, four devices alike: at equal {words}",
            ("lowcomm-images",),
            LOW_COMMUNICATION,
            tuple((row, "ddp") for row in LOW_COMMUNICATION if row != "ddp"),
            measures,
            "resnet20",
        )
        for budget, words, measures in (
            ("", "samples", (BEST, "sent_megabytes", "seconds_per_epoch")),
            ("-seconds", "seconds", ("at_equal_seconds",)),
        )
    ),
    Finding(
        "delay",
        "GPT at scale small, eight devices of sqrt(i) s a gradient",
        ("delay",),
        BOUNDED,
        (
            *((row, "asgd") for row in BOUNDED if row not in ("bp", "asgd")),
            ("ringmaster@threshold=2", "ringmaster@threshold=8"),
            ("ringmaster@threshold=2", "rennala@gradients=2"),
        ),
        ("best_loss", "at_equal_seconds", "staleness_updates", "dropped_percent"),
        "gpt",
    ),
    Finding(
        "codecs",
        "GPT at scale small, four devices alike: compressed messages",
        ("codecs",),
        COMPRESSED,
        (
            *((row, "ddp") for row in COMPRESSED if row != "ddp"),
            *((f"diloco@codec.name={codec}", "diloco") for codec in ("int8", "sign")),
            ("diloco@codec.name=sign", "signsgd"),
        ),
        ("best_loss", "at_equal_seconds", "sent_megabytes", "seconds_per_epoch"),
        "gpt",
    ),
    Finding(
        "lap",
        CIFAR_10,
        ("audit-lap",),
        LAP,
        (
            ("lapsgd", "bp"),
            ("ddp", "bp"),
            ("lapsgd", "ddp"),
            ("ddp@learning_rate=linear", "ddp"),
            ("lapsgd@learning_rate=linear", "lapsgd"),
            ("lapsgd@learning_rate=linear", "bp"),
            ("lapsgd@learning_rate=linear", "async_lu"),
            ("lapsgd@learning_rate=linear", "ddp@learning_rate=linear"),
            ("lapsgd@stem=imagenet", "lapsgd"),
            ("lapsgd@updaters=4,stem=imagenet", "lapsgd@updaters=4"),
            ("lapsgd@updaters=4", "lapsgd"),
            ("lapsgd@updaters=4,stem=imagenet", "lapsgd@stem=imagenet"),
        ),
        interactions=((("lapsgd@updaters=4,stem=imagenet", "lapsgd@updaters=4"), ("lapsgd@stem=imagenet", "lapsgd")),),
    ),
)
REPRODUCED = (
    Reproduced(
        "imdb-paper",
        "IMDb, LSTM at scale paper, a patience of 2 epochs",
        "table6",
        "lstm",
        {row: ALL[row] for row in ("async_lu", "async_bu", "bp")},
        (BEST, "epochs_to_best", "time_to_best_seconds"),
        {"patience": "2"},
    ),
)
FIVE = ("bp", "async_lu", "async_bu", "ddp", "lapsgd@updaters=1")
SEARCH_ON_FOUR = TuningBudget(grid=3, span=4, trials=3, seeds=2, select="validation", widen=3)
TUNED = (
    Tuned(
        "tuned",
        f"{CIFAR_10}, rates chosen by the test set",
        "table7",
        "resnet18",
        ("async_lu", "ddp", "lapsgd"),
        TuningBudget(grid=9, span=256, trials=9, select="test"),
    ),
    Tuned(
        "tuned-validation",
        f"{CIFAR_10}, rates chosen by images that nothing else is read from",
        "table1",
        "resnet18",
        FIVE,
        TuningBudget(grid=9, span=256, trials=9, select="validation"),
    ),
    Tuned(
        "tuned-4",
        f"{CIFAR_10}, four times the samples, rates chosen by images that nothing else is read from",
        "table1",
        "resnet18",
        FIVE,
        SEARCH_ON_FOUR,
        samples=4,
    ),
    Tuned(
        "tuned-20",
        f"{CIFAR_10}, twenty times the samples, at the rates that are best on four times",
        "table1",
        "resnet18",
        FIVE,
        SEARCH_ON_FOUR,
        samples=4,
        shown=20,
    ),
)

LADDER = (
    ("async_lu", "bp"),
    ("async_bu", "bp"),
    ("ddp", "bp"),
    ("lapsgd", "bp"),
    ("async_lu", "async_bu"),
    ("async_lu", "ddp"),
    ("async_lu", "lapsgd"),
)
RUNGS = (
    Rungs(
        "ladder",
        f"{CIFAR_10}, over budgets",
        "table1",
        LADDER,
    ),
    Rungs(
        "ladder-tuned",
        f"{CIFAR_10}, over budgets, each at the rate that is best at 1 x",
        "table1",
        (("async_lu", "ddp"), ("async_lu", "lapsgd"), ("ddp", "lapsgd")),
        rates={"ddp": 8.0, "lapsgd": 4.0},
    ),
    Rungs(
        "ladder-tuned-4",
        f"{CIFAR_10}, over budgets, each at the rate that is best at 4 x",
        "table1",
        LADDER,
        budgets=(4, 20),
        rates={"bp": 2.0, "ddp": 4.0, "lapsgd": 4.0},
    ),
)

SECOND_CPU = "second-cpu", "Runs of scale small, trained on an AMD EPYC and again on an Intel Xeon"
