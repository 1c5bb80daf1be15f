from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import RATE_NOTE

PLACE = ("paper-a3", 1)
TABLE = Table(
    id="v3-mfu",
    title="CIFAR-100: model FLOPs utilisation of PD-ASGD and its rivals",
    source="arXiv:2410.05985v3 (summary), Key Results",
    family="cifar100",
    networks=("resnet18",),
    rows=(Row("pdasgd"), Row("ddp"), Row("lppsgd"), Row("async_lu"), Row("bp")),
    measures=(
        "model_flops_utilisation_percent",
        "seconds_per_epoch",
        "best_accuracy_percent",
        "time_to_target_seconds",
    ),
    notes=(
        "PD-ASGD here sends every layer's gradient to every other device: on paper-a's links its inbox fills, and "
        "staleness grows with it; the summary does not say what is exchanged (methods/pdasgd.py).",
        "MFU: FLOPs of the charged network's forward and backward passes (torch.utils.flop_counter; backward = inputs "
        "and weights) x batches / seconds, over devices x the card's stated peak. The summary states neither device, "
        "peak nor precision.",
        RATE_NOTE,
    ),
    card="paper-a3",
)
