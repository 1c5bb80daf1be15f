from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE, ONE_OPTIMIZER, ONE_RATE

PLACE = ("ours", 1)
TABLE = Table(
    id="lm",
    title="A character-level language model under AdamW: every method of the suite",
    source="this suite; BP beside nanoGPT (github.com/karpathy/nanoGPT, README), CPU setting",
    family="tinyshakespeare",
    networks=("gpt",),
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
    measures=("best_loss", "bits_per_byte", "time_to_target_seconds", "epochs_to_target", "staleness_updates"),
    notes=(
        "nanoGPT's 1.88 is of 2,000 steps at batch 12, with tied embeddings, clipped by the norm of all gradients and "
        "estimated on 20 random batches; here embedding and head are two layers, gradients are clipped layer by layer, "
        "and the whole of the held-out text is evaluated.",
        ONE_OPTIMIZER,
        ONE_RATE,
    ),
    card="paper-a-ideal",
    picture="curves",
)
