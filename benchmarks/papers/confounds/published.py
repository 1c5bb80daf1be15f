"""Differences between rows of the papers' own experiments, besides the method: findings as data.

Taken from the papers' texts and from the public code of paper B's authors, which paper A ran for LAP-SGD and LPP-SGD
(docs/decisions/0002 and 0005). "Not stated" means in neither.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Confound:
    """An aspect in which published rows differ, or may differ."""

    aspect: str
    text: str
    tables: tuple[str, ...]
    source: str

    @property
    def line(self) -> str:
        return f"{self.aspect}: {self.text} [{self.source}]"


A, A_LAP, A_DDP = "arXiv:2410.05985v1", ("table1", "table2", "table3", "table4"), ("table7", "table8")
B = "arXiv:2203.06638"
CODE = "public code of arXiv:2203.06638"
WITH_BOTH = (*(f"lap-table{i}" for i in (6, 7, 8, 9, 10, 11)), "lap-figure1", "lap-figure2")
"""Tables and figures of paper B that compare LAP-SGD or LPP-SGD with MB-SGD or PL-SGD."""
ALL_B = (*(f"lap-table{i}" for i in range(1, 12)), "lap-figure1", "lap-figure2")
ASYNC_B = tuple(id for id in ALL_B if id != "lap-table1")

DIFFERENCES = (
    Confound(
        "Network and stem",
        "LAPSGD and LPPSGD train torchvision's ResNets, a 7x7 stride-2 stem and max-pool on 32x32 images; the seconds "
        "of Table 9 (4.9 ms forward at batch 128) fit a 3x3 stem for Async LU and Async BU (555M against 37M "
        "multiply-adds). That alone may explain their lower accuracies.",
        A_LAP,
        f"{CODE}; {A}, Table 9",
    ),
    Confound(
        "Updaters per device",
        "LAPSGD and LPPSGD ran one process per GPU (U = 1), with which LPPSGD's partition is the whole network: the "
        "two rows are one algorithm. Async LU and Async BU have two backward workers.",
        A_LAP,
        f"{A}, section 4.1; {CODE}",
    ),
    Confound(
        "Batch and devices",
        "all use 3 GPUs; LAPSGD and LPPSGD take 128 per GPU, 384 at a time, Async LU and Async BU one stream of 128.",
        A_LAP,
        f"{A}, section 4.1 and appendix A.2",
    ),
    Confound(
        "Updates per epoch",
        "a replica of LAPSGD and LPPSGD makes a third of the updates of Async LU and Async BU.",
        A_LAP,
        "follows from 3 x 128 samples at a time",
    ),
    Confound(
        "Learning rate",
        "0.005, then 0.015 with a cosine for Async LU and Async BU; not stated for LAPSGD and LPPSGD, which followed "
        "the protocol of their authors, nor whether it was scaled to three devices.",
        A_LAP,
        f"{A}, section 4.1",
    ),
    Confound(
        "Optimizer",
        "SGD with momentum 0.9 and weight decay 0.05 (section 4.1) or 0.005 (Table 10) for Async LU and Async BU; "
        "LAPSGD's and LPPSGD's code has Nesterov momentum, local to each process and never averaged, and decays live "
        "weights; its values are not stated.",
        A_LAP,
        f"{A}, section 4.1 and Table 10; {CODE}",
    ),
    Confound(
        "Framework and loader",
        "libtorch (C++) for Async LU and Async BU, PyTorch processes for LAPSGD and LPPSGD, whose loader has no "
        "workers by default; libtorch's loader and augmentation are not stated.",
        A_LAP,
        f"{A}, section 4; {CODE}",
    ),
    Confound(
        "Clock",
        "LAPSGD's and LPPSGD's evaluation runs inside the clock, in one updater while the others go on; for Async LU "
        "and Async BU it is not stated.",
        A_LAP,
        CODE,
    ),
    Confound(
        "BatchNorm and evaluation",
        "LAPSGD and LPPSGD do not average BatchNorm's running statistics, and their test accuracy mixes the models of "
        "all devices (the test set is shared out); Async LU and Async BU have one model.",
        A_LAP,
        CODE,
    ),
    Confound(
        "Devices",
        "Async LU on 3 GPUs, backpropagation on one; one run each, without a spread.",
        ("table5",),
        f"{A}, Table 5",
    ),
    Confound(
        "Target",
        "Table 5 does not say which accuracy is timed; by section 4 the worse of the two best ones, 0.02 points apart.",
        ("table5",),
        f"{A}, Table 5",
    ),
    Confound(
        "Nothing but the update",
        "Async LU and Async BU differ in when a layer is updated; no other difference is stated.",
        ("table6", "figure2", "figure3", "figure4"),
        f"{A}, sections 3.4 and 4",
    ),
    Confound(
        "Global batch",
        "384 for DDP, 128 for Async LU; whether DDP's learning rate was scaled is not stated, and it makes a third of "
        "the updates per epoch.",
        A_DDP,
        f"{A}, appendix A.2",
    ),
    Confound(
        "Baseline",
        "each speed-up is relative to its own framework's single-GPU run: libtorch for Async LU, PyTorch for DDP. "
        "Which of the two is faster in seconds is not stated.",
        A_DDP,
        f"{A}, appendix A.2",
    ),
    Confound(
        "Learning rate against batch",
        "it grows with devices x batch, so that the rows of a method at two batch sizes differ in both.",
        tuple(id for id in ALL_B if id not in ("lap-table5",)),
        f"{B}, section 1.1",
    ),
    Confound(
        "Learning-rate schedule",
        "steps down (150, 225 of 300 epochs on ResNet-20; 60, 120, 160 of 200 on WRN) for MB-SGD and PL-SGD, a cosine "
        "for LAP-SGD and LPP-SGD.",
        WITH_BOTH,
        f"{B}, section 3.1; {CODE}",
    ),
    Confound(
        "Peak learning rate",
        "in some cases LPP-SGD warms up to 1.25 times LAP-SGD's; which ones is not stated.",
        tuple(id for id in ASYNC_B if id not in ("lap-table2", "lap-table4", "lap-table5")),
        f"{B}, section 3.1",
    ),
    Confound(
        "Updaters per device",
        "LAP-SGD and LPP-SGD run several processes per GPU (U), MB-SGD and PL-SGD one. With no loader workers by "
        "default every process also loads its own batches.",
        WITH_BOTH,
        f"{B}, section 3; {CODE}",
    ),
    Confound(
        "Updaters per device", "U = 4 for LAP-SGD, 3 for LPP-SGD.", ("lap-table6", "lap-figure1"), f"{B}, Table 6"
    ),
    Confound("Updaters per device", "U = 4 for LAP-SGD, 3 for LPP-SGD.", ("lap-table8",), f"{B}, Table 8"),
    Confound("Batch", "64 for LAP-SGD and LPP-SGD, 128 and 512 for the others.", ("lap-table8",), f"{B}, Table 8"),
    Confound(
        "Batch and updaters",
        "LAP-SGD has batch 128 and U = 4, LPP-SGD batch 256 and U = 3.",
        ("lap-table9",),
        f"{B}, Table 9",
    ),
    Confound(
        "Batch",
        "1024 for MB-SGD and PL-SGD, 256 times U = 4 updaters for LAP-SGD and LPP-SGD: as many samples under way, a "
        "quarter of them in an update.",
        ("lap-table11",),
        f"{B}, Table 11",
    ),
    Confound(
        "Momentum and BatchNorm",
        "LAP-SGD's and LPP-SGD's code keeps momentum in each process and averages parameters alone, no running "
        "statistics; MB-SGD (DistributedDataParallel) has the same momentum everywhere.",
        WITH_BOTH,
        CODE,
    ),
    Confound(
        "Clock and evaluation",
        "LAP-SGD and LPP-SGD evaluate inside the clock while the other updaters go on, and their test accuracy mixes "
        "the models of all devices; for MB-SGD and PL-SGD it is not stated.",
        WITH_BOTH,
        CODE,
    ),
    Confound(
        "Nothing but the averaging",
        "rows differ in K and P, at U = 6 and batch 128; no other difference is stated.",
        ("lap-table5",),
        f"{B}, Table 5",
    ),
    Confound(
        "Platform",
        "S1 has 2 GPUs and 12 CPU cores, S2 4 and 40, S3 two of S2: more than the number of devices changes.",
        ("lap-table6", "lap-figure1"),
        f"{B}, section 3.1",
    ),
    Confound(
        "Precision",
        "not stated for any row. On an A100, PyTorch and libtorch compute the convolutions and recurrent layers of "
        "float32 networks in TF32 unless told not to; older GPUs have none.",
        (*A_LAP, *A_DDP, "table5", "table6", "figure2", "figure3", "figure4", *ALL_B),
        f"{A}, section 4; {B}, section 3; torch.backends.cudnn.allow_tf32",
    ),
    Confound(
        "Setting",
        "the summary states neither device, batch, learning rate, updaters nor delays of any row.",
        ("v3-mfu", "v3-stragglers", "v3-ratio"),
        "summary of arXiv:2410.05985v3",
    ),
    Confound(
        "Runs and what is printed of them",
        "FDG's test errors are medians of 3 runs; of how many those of BP are, which FDG's authors ran again, is not "
        "stated, nor after which epoch any was taken.",
        ("others-cifar10",),
        "public code of arXiv:1906.09108, README",
    ),
)


def lowered(name: str) -> str:
    return name if name.startswith("BatchNorm") else name[0].lower() + name[1:]


def published_brief(table_id: str) -> list[str]:
    """Names the aspects of `published_audit` in a sentence; empty for a table without differences."""
    names = [lowered(difference.aspect) for difference in DIFFERENCES if table_id in difference.tables]
    return [f"The paper's rows differ, or are not stated, in: {', '.join(names)}."] if names else []


def published_audit(table_id: str) -> list[str]:
    """Returns the differences between rows in the paper's own experiment, a line per aspect."""
    return [difference.line for difference in DIFFERENCES if table_id in difference.tables]
