from benchmarks.tables.definition import Table
from benchmarks.tables.lap_table10 import TABLE as TABLE10

PLACE = ("paper-b", 13)
TABLE = Table(
    id="lap-figure2",
    title="ImageNet, ResNet-18: top-1 test accuracy over the epochs",
    source="arXiv:2203.06638, Figure 2",
    family=TABLE10.family,
    networks=TABLE10.networks,
    rows=TABLE10.rows,
    measures=("best_accuracy_percent", "epochs_to_best"),
    notes=("The runs of lap-table10. The paper prints the figure only: there are no published values.",),
    card=TABLE10.card,
    devices=TABLE10.devices,
    options=TABLE10.options,
    picture="curves",
)
