from dataclasses import replace

from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_MEASURES, B_NOTE, B_OPTIONS, T_NOTE, lap, lpp, mb, pl

LARS = {"optimizer.name": "lars"}

PLACE = ("paper-b", 11)
TABLE = Table(
    id="lap-table11",
    title="CIFAR-10, ResNet-20: all methods with LARS",
    source="arXiv:2203.06638, Table 11",
    family="cifar10",
    networks=("resnet20",),
    rows=tuple(
        replace(row, workload={**row.workload, **LARS}) for row in (mb(1024), pl(1024), lap(4, 256), lpp(4, 256))
    ),
    measures=B_MEASURES,
    notes=("LARS (You et al., arXiv:1708.03888) with eta = 0.001, as the paper says.", B_NOTE, T_NOTE),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
