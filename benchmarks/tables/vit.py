from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE, ONE_OPTIMIZER, ONE_RATE

PLACE = ("ours", 3)
TABLE = Table(
    id="vit",
    title="CIFAR-10: a small ViT under AdamW: every method of the suite",
    source="this suite",
    family="cifar10",
    networks=("vit",),
    rows=(
        BASELINE,
        Row("async_lu"),
        Row("async_bu"),
        Row("pipeline"),
        Row("pipeline", {"weights": "forward"}, note="with stashed weights"),
        Row("hogwild"),
        Row("ddp"),
        Row("lsgd", {"learning_rate": "published"}, note="AdamW, unlike SGD, is not given a rate by the batch"),
        Row("lapsgd"),
        Row("lppsgd", {"updaters": 2}, note="with one updater per device LPP-SGD is LAP-SGD"),
        Row("pdasgd"),
    ),
    measures=("best_accuracy_percent", "time_to_target_seconds", "epochs_to_target", "staleness_updates"),
    notes=(ONE_OPTIMIZER, ONE_RATE),
    card="paper-a-ideal",
    picture="curves",
)
