from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import LAP_NOTE

TORCHVISION = {"stem": "imagenet"}
THEIRS = "with the stem that it has in its authors' code, as paper A ran it"

PLACE = ("audits", 1)
TABLE = Table(
    id="audit-stem",
    title="CIFAR-100: LAP-SGD and LPP-SGD with torchvision's stem and with the CIFAR stem",
    source="public code of arXiv:2203.06638; arXiv:2410.05985v1, Tables 3, 4 and 9",
    family="cifar100",
    networks=("resnet18",),
    rows=(
        Row("async_lu"),
        Row("lapsgd"),
        Row("lppsgd"),
        Row("lapsgd", workload=TORCHVISION, note=THEIRS),
        Row("lppsgd", workload=TORCHVISION, note=THEIRS),
    ),
    measures=("best_accuracy_percent", "time_to_target_seconds", "epochs_to_target", "seconds_per_epoch"),
    notes=(
        "In paper A Async LU's seconds fit the CIFAR stem (3x3, no pooling), while LAP-SGD and LPP-SGD ran code whose "
        "ResNets have torchvision's (7x7, stride 2, max-pool). What goes away with the stem is not the method's.",
        LAP_NOTE,
    ),
)
