from benchmarks.tables.definition import Row, Table

PLACE = ("ours", 2)
DELAYS = (0, 1, 2, 4)
OPTIMIZERS = ("sgd", "adamw", "muon")
TABLE = Table(
    id="lm-optimizers",
    title="A character-level language model: what a delay of so many steps costs each optimizer",
    source="this suite; the question of arXiv:2606.30634 (abstract)",
    family="tinyshakespeare",
    networks=("gpt",),
    rows=tuple(
        Row("bp", {"delay": delay} if delay else {}, workload={"optimizer.name": name})
        for name in OPTIMIZERS
        for delay in DELAYS
    ),
    measures=("best_loss", "epochs_to_best", "staleness_updates"),
    notes=("A gradient is applied so many steps after it was computed; all else is one training on one device.",),
    card="paper-a-ideal",
    picture="curves",
)
