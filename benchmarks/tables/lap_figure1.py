from benchmarks.tables.definition import Table
from benchmarks.tables.lap_table6 import TABLE as TABLE6
from benchmarks.tables.shared import T_NOTE

PLACE = ("paper-b", 12)
TABLE = Table(
    id="lap-figure1",
    title="CIFAR-10, WRN-16-8: training time of all methods on 2, 4 and 8 devices",
    source="arXiv:2203.06638, figure above Table 6 (Figure 1)",
    family=TABLE6.family,
    networks=TABLE6.networks,
    rows=TABLE6.rows,
    measures=("train_time_seconds",),
    notes=("The runs of lap-table6, drawn.", T_NOTE),
    card=TABLE6.card,
    options=TABLE6.options,
    picture="dots",
)
