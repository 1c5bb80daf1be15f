from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import ONE_OPTIMIZER, ONE_RATE

PLACE = ("ours", 5)
TABLE = Table(
    id="codecs",
    title="A character-level language model on four devices and slow links: compressed gradients, with error feedback",
    source="this suite; the methods of arXiv:1809.07599, 1901.09847 and 2311.08105",
    family="tinyshakespeare",
    networks=("gpt",),
    devices=4,
    rows=(
        Row("ddp"),
        Row("topk", {"codec.share": 0.1}),
        Row("topk", {"codec.share": 0.01}),
        Row("topk", {"codec.share": 0.001}),
        Row("topk", {"codec.name": "int8"}, note="all entries in 8 bits"),
        Row("signsgd"),
        Row("diloco"),
        Row("diloco", {"codec.name": "int8"}, note="pseudo-gradients in 8 bits an entry"),
        Row("diloco", {"codec.name": "sign"}, note="signs of pseudo-gradients"),
    ),
    measures=(
        "best_loss",
        "at_equal_seconds",
        "time_to_target_seconds",
        "seconds_per_epoch",
        "sent_megabytes",
        "megabytes_to_target",
    ),
    notes=(
        "What is asked: how much of a gradient can be left for later, at equal samples, seconds and bytes, and does it "
        "beat sending pseudo-gradients now and then (DiLoCo, every 16 steps), whole or compressed?",
        "A step takes a second on each device, an all-reduce of GPT's 3.2 MB at 5 MB/s another, which DDP hides "
        "behind its backward passes in part. What codecs leave differs from device to device, so that it is gathered: "
        "each device sends its own to three others. Compressing itself is free here, as updates are.",
        "The target is what the worst row reaches, which at 0.1 % is little: `--target` sets one that others have to "
        "work for. What is evaluated is the mean of the replicas, DiLoCo's as well between its exchanges.",
        ONE_OPTIMIZER,
        ONE_RATE.replace("three devices make a third", "four devices make a quarter"),
    ),
    card="lowcomm-4",
    picture="budgets",
)
