"""Next-token prediction: classification after each token of a window, of logits (B, T, V) and tokens (B, T)."""

from __future__ import annotations

from benchmarks.workloads.tasks import Task
from benchmarks.workloads.tasks.classification import loss, right, sums
from results.records.spec import Judge

TASK = Task(
    name="next_token",
    title="next-token prediction",
    judge=Judge(metric="loss", title="loss", unit="nats", better="less", digits=2),
    loss=loss,
    sums=sums,
    right=right,
    output_shape=lambda inputs, words: (*inputs, words),
    output_words="a number for each token after each place",
)
