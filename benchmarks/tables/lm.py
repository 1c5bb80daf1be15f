from benchmarks.tables.definition import Table
from benchmarks.tables.shared import EVERY_METHOD, ONE_OPTIMIZER, ONE_RATE

PLACE = ("ours", 1)
TABLE = Table(
    id="lm",
    title="A character-level language model under AdamW: every method of the suite",
    source="this suite; BP beside nanoGPT (github.com/karpathy/nanoGPT, README), CPU setting",
    family="tinyshakespeare",
    networks=("gpt",),
    rows=EVERY_METHOD,
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
