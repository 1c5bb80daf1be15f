from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_LOSSES, B_NOTE, B_OPTIONS, T_NOTE, mb, pl

PLACE = ("paper-b", 1)
TABLE = Table(
    id="lap-table1",
    title="CIFAR-10, ResNet-20: large local batches degrade MB-SGD and PL-SGD",
    source="arXiv:2203.06638, Table 1",
    family="cifar10",
    networks=("resnet20",),
    rows=(mb(128), mb(1024), pl(128), pl(1024)),
    measures=B_LOSSES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
