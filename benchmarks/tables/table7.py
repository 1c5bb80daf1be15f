from benchmarks.tables.definition import Table
from benchmarks.tables.shared import DDP_ROWS, RATE_NOTE, SPEEDUP_NOTE

PLACE = ("paper-a", 7)
TABLE = Table(
    id="table7",
    title="CIFAR-10: speed-up of Async LU and DDP over one device",
    source="arXiv:2410.05985v1, Table 7",
    family="cifar10",
    rows=DDP_ROWS,
    measures=("relative_speedup",),
    notes=(SPEEDUP_NOTE, RATE_NOTE),
)
