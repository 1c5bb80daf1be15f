"""Ambiguities of other authors' methods on CIFAR-10: FDG (arXiv:1906.09108) and the delay-adaptive rate."""

from __future__ import annotations

from benchmarks.papers.ambiguities.ambiguity import Ambiguity

TABLES = ("others-cifar10",)
FDG_CODE = "public code of arXiv:1906.09108 (ZHUANGHP/FDG), DG_models.py and FDG.py"

PAPER_OTHERS = (
    Ambiguity(
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
    Ambiguity(
        "Where a pipeline's network is cut",
        "networks are cut into K modules",
        "the code cuts by hand: of 10 layers of ResNet-18 5 come first for K = 2, of 11 of ResNet-20 5",
        "the code's cut (cut=authors; at other numbers of blocks the same shares of a group): --set pipeline.cut=flops "
        "balances the stages' work, layers or parameters balances those",
        TABLES,
        FDG_CODE,
    ),
    Ambiguity(
        "M of the delay-adaptive rate",
        "M workers, each with one gradient at a time; a delay d counts the updates since a worker took its weights",
        "Async LU's batches go through two kinds of workers, and may wait between them",
        "M = forward and backward threads (LAP-SGD and Hogwild!: updaters), without what waits in a queue. Of equally "
        "fast workers none is ahead of another, so that the rate is the schedule's; it is lower with --set "
        "async_lu.queue=16, or with delays of a --hardware card",
        TABLES,
        "arXiv:2206.07638; its public code (konstmish/asynchronous_sgd), in which the rate is that times M / max(M, d)",
    ),
    Ambiguity(
        "Schedule of the rate",
        "0.1 at batch 128, divided by 10 after 150, 225 and 275 of 300 epochs",
        "the suite's schedules for these networks are those of arXiv:2410.05985 and arXiv:2203.06638",
        "the suite's, the same for all rows: --set workload.schedule.kind=multistep and its milestones are theirs",
        TABLES,
        "public code of arXiv:1906.09108, README",
    ),
)
