from typing import Any

from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE


def fdg(note: str, **options: Any) -> Row:
    """Returns a row whose network is cut where FDG's authors cut it, as in all their published results."""
    return Row("pipeline", {"cut": "authors", **options}, note=note)


PLACE = ("others", 1)
TABLE = Table(
    id="others-cifar10",
    title="CIFAR-10: methods of others: pipelines with delayed gradients, averages behind local steps, gossip",
    source="arXiv:1906.09108, arXiv:1804.10574, arXiv:1906.12043, arXiv:1710.06952, arXiv:2206.07638; row by row below",
    family="cifar10",
    networks=("resnet18", "resnet20"),
    devices=2,
    rows=(
        BASELINE,
        fdg("FDG with K = 2 and beta = 1; published: ZHUANGHP/FDG, README, the median of 3 runs"),
        fdg("DDG with K = 2, on ResNet-18 as FDG's authors ran it again", locking="forward"),
        fdg("FDG whose backward pass sees the weights of its forward pass", weights="forward"),
        fdg("FDG with K = 3", stages=3),
        Row("cocod", note="arXiv:1906.12043; its figures were not at hand"),
        Row("lsgd", {"learning_rate": "published"}, note="CoCoD-SGD's averages, waited for"),
        Row("adpsgd", note="arXiv:1710.06952; its figures were not at hand"),
        Row("ddp"),
        Row("async_lu"),
        Row(
            "async_lu",
            {"rate": "delay_adaptive"},
            note="arXiv:2206.07638, which prints no accuracy of a network; equal devices, no queue: nobody is late",
        ),
    ),
    measures=("test_accuracy_percent", "best_accuracy_percent", "staleness_updates", "seconds_per_epoch"),
    notes=(
        "Published accuracies are 100 less the printed test error. FDG's authors train 300 epochs at batch 128 with a "
        "rate of 0.1 that is divided by 10 after 150, 225 and 275 of them; here each network has the suite's own "
        "schedule, the same for all rows (`show others-cifar10` prints it). BP is what they ran again.",
        "With K = 2 FDG and DDG are the same numbers, batch for batch, and differ in seconds alone.",
        "A delay-adaptive rate is the schedule's unless a gradient is later than there are workers, for which these "
        "must differ in speed, or have a queue: --set async_lu.queue=16 shows both rows of Async LU with one.",
        "All rows follow one schedule per sample: what averages or reduces over two devices makes half of the "
        "updates of a replica per epoch.",
        "Of a batch's way between a pipeline's stages the clock charges a link's latency; its bytes "
        "with --set workload.activations=charged.",
    ),
)
