"""The open points of others' methods on CIFAR-10: FDG (arXiv:1906.09108) and the delay-adaptive rate."""

from __future__ import annotations

from benchmarks.papers.open_points.reading import Reading

TABLES = ("others-cifar10",)
FDG_CODE = "public code of arXiv:1906.09108 (ZHUANGHP/FDG), DG_models.py and FDG.py"

PAPER_OTHERS = (
    Reading(
        "Weights of a delayed backward pass",
        "the code keeps the graphs of forward passes, and its optimizer writes into the weights that they refer to",
        "a gradient of the forward pass's own weights takes a stash of them",
        "the weights of now, as in the code",
        TABLES,
        FDG_CODE,
        "{method}.weights",
        "forward",
        methods=("pipeline",),
    ),
    Reading(
        "Schedule of the rate",
        "0.1 at batch 128, divided by 10 after 150, 225 and 275 of 300 epochs",
        "the suite's schedules for these networks are those of arXiv:2410.05985 and arXiv:2203.06638",
        "the suite's, the same for all rows: --set workload.schedule.kind=multistep and its milestones are theirs",
        TABLES,
        "public code of arXiv:1906.09108, README",
    ),
)
