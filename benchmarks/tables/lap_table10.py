from benchmarks.tables.definition import Table
from benchmarks.tables.shared import B_LOSSES, B_NOTE, B_OPTIONS, T_NOTE, lap, lpp, mb, pl

PLACE = ("paper-b", 10)
TABLE = Table(
    id="lap-table10",
    title="ImageNet, ResNet-18: all methods on 8 devices",
    source="arXiv:2203.06638, Table 10",
    family="imagenet",
    networks=("resnet18",),
    rows=(lap(4, 32), lpp(4, 32), mb(128), mb(32), pl(128), pl(32)),
    measures=B_LOSSES,
    notes=(B_NOTE, T_NOTE),
    card="paper-b",
    devices=8,
    options={method: {**B_OPTIONS.get(method, {}), "period": 8} for method in ("lapsgd", "lppsgd", "plsgd")},
)
