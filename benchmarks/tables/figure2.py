from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

PLACE = ("paper-a", 12)
TABLE = Table(
    id="figure2",
    title="CIFAR-100: learning curves of Async LU and Async BU",
    source="arXiv:2410.05985v1, Figure 2",
    family="cifar100",
    rows=(Row("async_lu"), Row("async_bu"), BASELINE),
    measures=("best_accuracy_percent", "epochs_to_best"),
    notes=("The paper prints the figure only: there are no published values to lay beside these.",),
    picture="curves",
)
