from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

CHARGED = {"activations": "charged"}

PLACE = ("audits", 5)
TABLE = Table(
    id="audit-activations",
    title="CIFAR-10: what Async LU and BU gain once moving the activations is charged",
    source="arXiv:2410.05985v1, Algorithm 1 and section 3.1; Tables 1, 2, 7",
    family="cifar10",
    networks=("resnet18",),
    rows=(
        BASELINE,
        *(Row(method, workload=moved) for method in ("async_lu", "async_bu") for moved in ({}, CHARGED)),
        Row("async_lu", {"queue": 4}),
        Row("async_lu", {"queue": 4}, workload=CHARGED),
        Row("async_lu", {"queue": 16}, workload=CHARGED),
    ),
    measures=("best_accuracy_percent", "seconds_per_epoch", "relative_speedup", "staleness_updates"),
    notes=(
        "Algorithm 1 sends the loss alone to a backward thread, whose gradients need the batch's activations: on "
        "another device they have to get there. Charged: all that autograd saves of the charged network's forward "
        "pass, in one transfer over the card's link when the batch is handed over. The weights of now, which a "
        "backward thread reads as well, travel free.",
        "With a queue a batch travels while it waits, and any number travel at once, each at the link's full rate: "
        "the kindest case.",
    ),
)
