from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_MEASURES, B_NOTE, B_OPTIONS, T_NOTE, lap

PLACE = ("paper-b", 5)
TABLE = Table(
    id="lap-table5",
    title="CIFAR-10, ResNet-20: LAP-SGD's averaging frequency",
    source="arXiv:2203.06638, Table 5",
    family="cifar10",
    networks=("resnet20",),
    rows=tuple(lap(6, 128, period=k, switch=p) for k, p in ((1, 0.5), (4, 0.5), (8, 0.5), (8, 0), (16, 0.5))),
    measures=B_MEASURES,
    notes=(
        "K is period; P, the epochs with an average after every update, is switch x epochs (150 or 0 of 300).",
        B_NOTE,
        T_NOTE,
    ),
    card="paper-b",
    devices=2,
    options=B_OPTIONS,
)
