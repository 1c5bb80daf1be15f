from benchmarks.tables.definition import Table
from benchmarks.tables.shared import ASYNC_ROWS, LAP_NOTE, RATE_NOTE

PLACE = ("paper-a", 1)
TABLE = Table(
    id="table1",
    title="CIFAR-10: time and epochs to the best accuracy of the worst method",
    source="arXiv:2410.05985v1, Table 1",
    family="cifar10",
    rows=ASYNC_ROWS,
    measures=("time_to_target_seconds", "epochs_to_target"),
    notes=(LAP_NOTE, RATE_NOTE),
)
