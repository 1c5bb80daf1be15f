from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

PLACE = ("paper-a", 6)
TABLE = Table(
    id="table6",
    title="IMDb: best accuracy, and time and epochs to it",
    source="arXiv:2410.05985v1, Table 6",
    family="imdb",
    networks=("lstm",),
    rows=(Row("async_lu"), Row("async_bu"), BASELINE),
    measures=("best_accuracy_percent", "time_to_best_seconds", "epochs_to_best"),
    notes=(
        "The paper gives neither vocabulary nor length of a review nor size of the word vectors: ours are in the "
        "workload. Layers: word vectors, two LSTM layers, the head.",
    ),
)
