from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

PLACE = ("paper-a", 13)
TABLE = Table(
    id="figure3",
    title="CIFAR-10: learning curves of Async LU and Async BU",
    source="arXiv:2410.05985v1, Figure 3",
    family="cifar10",
    rows=(Row("async_lu"), Row("async_bu"), BASELINE),
    measures=("best_accuracy_percent", "epochs_to_best"),
    notes=("The paper prints the figure only: there are no published values to lay beside these.",),
    picture="curves",
)
