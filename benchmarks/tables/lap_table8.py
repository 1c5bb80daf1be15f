from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_LOSSES, B_NOTE, B_OPTIONS, T_NOTE, lap, lpp, mb, pl

PLACE = ("paper-b", 8)
TABLE = Table(
    id="lap-table8",
    title="CIFAR-100, WRN-16-8: all methods on 8 devices",
    source="arXiv:2203.06638, Table 8",
    family="cifar100",
    networks=("wrn16_8",),
    rows=(lap(4, 64), lpp(3, 64), mb(128), mb(512), pl(128), pl(512)),
    measures=B_LOSSES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=8,
    options=B_OPTIONS,
)
