from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_MEASURES, B_NOTE, B_OPTIONS, T_NOTE, lap, lpp, mb, pl

PLACE = ("paper-b", 6)
TABLE = Table(
    id="lap-table6",
    title="CIFAR-10, WRN-16-8: all methods on 2, 4 and 8 devices",
    source="arXiv:2203.06638, Table 6",
    family="cifar10",
    networks=("wrn16_8",),
    rows=tuple(
        row
        for q in (2, 4, 8)
        for row in (
            lap(4, 64, devices=q),
            lpp(3, 64, devices=q),
            mb(128, devices=q),
            mb(512, devices=q),
            pl(128, devices=q),
            pl(512, devices=q),
        )
    ),
    measures=B_MEASURES,
    notes=(
        "LAP-SGD's and LPP-SGD's local batch is not stated here: 64, that of the authors' script and of Table 8, whose "
        "times agree.",
        B_NOTE,
        T_NOTE,
    ),
    card="paper-b",
    options=B_OPTIONS,
)
