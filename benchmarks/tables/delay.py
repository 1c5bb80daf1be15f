from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

PLACE = ("ours", 4)
TABLE = Table(
    id="delay",
    title="A character-level language model: delays that a server bounds, on eight devices of unequal speed",
    source="this suite; the devices of github.com/vectozavr/ringmaster-lmo",
    family="tinyshakespeare",
    networks=("gpt",),
    devices=8,
    rows=(
        BASELINE,
        Row("bp", {"delay": 7}, note="every gradient seven steps late, the mean delay of eight workers, on one device"),
        Row("hogwild", {"updaters": 8}, note="eight updaters on the fastest device"),
        Row("asgd"),
        Row("ringmaster", {"threshold": 8}),
        Row("ringmaster", {"threshold": 2}),
        Row("rennala", {"gradients": 2}),
        Row("rennala", {"gradients": 8}),
    ),
    measures=(
        "best_loss",
        "at_equal_seconds",
        "at_equal_bytes",
        "time_to_target_seconds",
        "epochs_to_target",
        "sent_megabytes",
        "staleness_updates",
        "dropped_percent",
    ),
    notes=(
        "What is asked: what do late gradients cost AdamW, and is it better to ignore them (Ringmaster, R = 8 or 2) or "
        "to collect gradients of the same weights (Rennala, B = 2 or 8), at equal samples, seconds and bytes?",
        "Device i of eight takes sqrt(i) seconds for a gradient, and up to some percent more; messages and updates are "
        "free. BP and Hogwild! have the fastest alone.",
        "Samples are those that were read: a gradient that is ignored has used its batch up. Every row follows the "
        "same schedule per sample, at a rate chosen for BP; `tune` gives each row its own. An epoch ends in a drain.",
    ),
    card="sqrt-8",
    picture="budgets",
)
