from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_MEASURES, B_NOTE, B_OPTIONS, T_NOTE, lap

PLACE = ("paper-b", 4)
TABLE = Table(
    id="lap-table4",
    title="CIFAR-10, ResNet-20: LAP-SGD with more updaters per device",
    source="arXiv:2203.06638, Table 4",
    family="cifar10",
    networks=("resnet20",),
    rows=(lap(4, 128), lap(6, 128), lap(8, 128), lap(4, 256), lap(6, 256)),
    measures=B_MEASURES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
