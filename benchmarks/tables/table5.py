from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

PLACE = ("paper-a", 5)
TABLE = Table(
    id="table5",
    title="ImageNet: accuracy of Async LU on three devices and of backpropagation on one",
    source="arXiv:2410.05985v1, Table 5",
    family="imagenet",
    networks=("resnet50",),
    rows=(Row("async_lu"), Row(BASELINE.method)),
    measures=("best_accuracy_percent", "train_accuracy_percent", "time_to_target_seconds", "time_to_best_seconds"),
    notes=(
        "Train accuracy: of the last epoch's batches as they were trained on, augmented; the paper does not say.",
        "The published times are to the worst method's best accuracy: section 4 has it so where nothing else is said.",
    ),
)
