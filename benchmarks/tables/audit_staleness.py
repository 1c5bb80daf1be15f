from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

PLACE = ("audits", 4)
TABLE = Table(
    id="audit-staleness",
    title="CIFAR-10: what Async LU's staleness costs: its queue, its backward workers, Algorithm 1's overwrite",
    source="arXiv:2410.05985v1, Algorithm 1 and sections 3.2 to 3.4",
    family="cifar10",
    networks=("resnet18",),
    rows=(
        BASELINE,
        Row("async_lu"),
        Row("async_bu"),
        *(Row("async_lu", {"queue": size}) for size in (1, 4, 16)),
        *(Row("async_lu", {"backward_workers": k}) for k in (1, 3, 4)),
        Row("async_lu", {"weights": "forward"}, note="the backward pass with the weights of its forward pass"),
        Row("async_lu", {"updates": "overwrite"}, note="Algorithm 1 as printed: theta <- theta_read - eta G"),
        Row("async_lu", {"queue": 4, "updates": "overwrite"}),
    ),
    measures=(
        "best_accuracy_percent",
        "staleness_updates",
        "lost_updates_percent",
        "epochs_to_target",
        "seconds_per_epoch",
    ),
    notes=(
        "The queue holds losses that wait for a backward worker: the longer it is, the more updates lie between a "
        "forward pass and the use of its gradient. The paper does not say how long its queue is.",
        "An overwriting update forgets what others changed since its worker read the weights.",
    ),
)
