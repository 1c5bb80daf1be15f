from benchmarks.tables.definition import Table
from benchmarks.tables.shared import DDP_ROWS, RATE_NOTE, SPEEDUP_NOTE

PLACE = ("paper-a", 8)
TABLE = Table(
    id="table8",
    title="CIFAR-100: speed-up of Async LU and DDP over one device",
    source="arXiv:2410.05985v1, Table 8",
    family="cifar100",
    rows=DDP_ROWS,
    measures=("relative_speedup",),
    notes=(SPEEDUP_NOTE, RATE_NOTE),
)
