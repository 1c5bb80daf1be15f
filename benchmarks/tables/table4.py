from benchmarks.tables.definition import Table
from benchmarks.tables.shared import ASYNC_ROWS, LAP_NOTE, RATE_NOTE

PLACE = ("paper-a", 4)
TABLE = Table(
    id="table4",
    title="CIFAR-100: best accuracy, and time and epochs to it",
    source="arXiv:2410.05985v1, Table 4",
    family="cifar100",
    rows=ASYNC_ROWS,
    measures=("best_accuracy_percent", "time_to_best_seconds", "epochs_to_best"),
    notes=(LAP_NOTE, RATE_NOTE),
)
