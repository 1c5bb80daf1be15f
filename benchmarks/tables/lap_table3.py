from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_LOSSES, B_NOTE, B_OPTIONS, T_NOTE, lpp

PLACE = ("paper-b", 3)
TABLE = Table(
    id="lap-table3",
    title="CIFAR-10, ResNet-20: LPP-SGD",
    source="arXiv:2203.06638, Table 3",
    family="cifar10",
    networks=("resnet20",),
    rows=(lpp(4, 128), lpp(6, 128), lpp(4, 256)),
    measures=B_LOSSES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
