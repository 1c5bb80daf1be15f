from benchmarks.tables.definition import Table
from benchmarks.tables.shared import EVERY_METHOD, ONE_OPTIMIZER, ONE_RATE

PLACE = ("ours", 3)
TABLE = Table(
    id="vit",
    title="CIFAR-10: a small ViT under AdamW: every method of the suite",
    source="this suite",
    family="cifar10",
    networks=("vit",),
    rows=EVERY_METHOD,
    measures=("best_accuracy_percent", "time_to_target_seconds", "epochs_to_target", "staleness_updates"),
    notes=(ONE_OPTIMIZER, ONE_RATE),
    card="paper-a-ideal",
    picture="curves",
)
