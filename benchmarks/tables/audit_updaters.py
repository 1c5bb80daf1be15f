from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import RATE_NOTE

ONE = "as paper A ran it: with U = 1 LPP-SGD is LAP-SGD"

PLACE = ("audits", 2)
TABLE = Table(
    id="audit-updaters",
    title="CIFAR-100: LAP-SGD and LPP-SGD with one, two and four updaters per device",
    source="arXiv:2410.05985v1, section 4.1; public code of arXiv:2203.06638",
    family="cifar100",
    networks=("resnet18",),
    rows=tuple(
        Row(method, {"updaters": updaters}, note=ONE if updaters == 1 else "")
        for method in ("lapsgd", "lppsgd")
        for updaters in (1, 2, 4)
    ),
    measures=("best_accuracy_percent", "time_to_target_seconds", "epochs_to_target", "seconds_per_epoch"),
    notes=(
        "Paper B runs U = 3 to 8 updaters per device; paper A ran one, at which the two methods are one algorithm.",
        RATE_NOTE,
    ),
)
