from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_LOSSES, B_NOTE, B_OPTIONS, T_NOTE, lap

PLACE = ("paper-b", 2)
TABLE = Table(
    id="lap-table2",
    title="CIFAR-10, ResNet-20: LAP-SGD",
    source="arXiv:2203.06638, Table 2",
    family="cifar10",
    networks=("resnet20",),
    rows=(lap(4, 128), lap(6, 128), lap(4, 256)),
    measures=B_LOSSES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
