from itertools import product

from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE, LAP_NOTE

LINEAR = {"learning_rate": "linear"}

PLACE = ("audits", 3)
TABLE = Table(
    id="audit-lap",
    title="CIFAR-10: what LAP-SGD's deficit is made of: its stem, its updaters, its learning rate, its staleness",
    source="arXiv:2410.05985v1, section 4.1 and Tables 1 to 4; public code of arXiv:2203.06638",
    family="cifar10",
    networks=("resnet18",),
    rows=(
        BASELINE,
        Row("async_lu"),
        Row("ddp", note="as many updates as LAP-SGD with one updater, none of them stale"),
        Row("ddp", LINEAR),
        *(
            Row(
                "lapsgd",
                {**({} if updaters == 1 else {"updaters": updaters}), **options},
                workload={} if stem == "cifar" else {"stem": stem},
            )
            for stem, updaters, options in product(("cifar", "imagenet"), (1, 4), ({}, LINEAR))
        ),
    ),
    measures=("best_accuracy_percent", "epochs_to_best", "epochs_to_target", "seconds_per_epoch"),
    notes=(
        "The stem: torchvision's (7x7, stride 2, max-pool), which LAP-SGD has in its authors' code, or the CIFAR stem "
        "of all other rows. The rate: the schedule's per sample, or that times the devices (linear), as three devices "
        "that average make a third of the updates.",
        "DDP has LAP-SGD's number of updates without its staleness: what is left between DDP and LAP-SGD at one rate "
        "and one stem is that of local steps and averages.",
        LAP_NOTE,
    ),
)
