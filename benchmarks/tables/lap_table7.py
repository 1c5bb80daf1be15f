from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_LOSSES, B_NOTE, B_OPTIONS, T_NOTE, lap, lpp, mb, pl

PLACE = ("paper-b", 7)
TABLE = Table(
    id="lap-table7",
    title="CIFAR-100, ResNet-20: all methods on 2 devices",
    source="arXiv:2203.06638, Table 7",
    family="cifar100",
    networks=("resnet20",),
    rows=(lap(6, 128), lap(4, 128), lpp(6, 128), lpp(4, 128), mb(1024), mb(128), pl(1024), pl(128)),
    measures=B_LOSSES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
