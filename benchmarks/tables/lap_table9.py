from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_LOSSES, B_NOTE, B_OPTIONS, T_NOTE, lap, lpp, mb, pl

PLACE = ("paper-b", 9)
TABLE = Table(
    id="lap-table9",
    title="CIFAR-10, SqueezeNet: all methods on 2 devices",
    source="arXiv:2203.06638, Table 9",
    family="cifar10",
    networks=("squeezenet",),
    rows=(lap(4, 128), lpp(3, 256), mb(1024), mb(128), pl(1024), pl(128)),
    measures=B_LOSSES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
