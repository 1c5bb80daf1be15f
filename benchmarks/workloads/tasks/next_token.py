"""Next-token prediction: after each token of a window a number for each token that may follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.workloads.tasks import Task
from results.records.spec import Judge

if TYPE_CHECKING:
    from torch import Tensor


def loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Returns the mean cross-entropy in nats of logits (B, T, V) and the int64 tokens (B, T) that follow."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits.flatten(0, 1), tokens.flatten())


def sums(logits: Tensor, tokens: Tensor) -> Mapping[str, Tensor]:
    """Returns the sums of cross-entropy and of accuracy in percent over the batch's tokens."""
    from torch.nn.functional import cross_entropy

    total = cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="sum")
    return {"accuracy_percent": 100 * right(logits, tokens), "loss": total}


def right(logits: Tensor, tokens: Tensor) -> Tensor:
    """Returns how many of the tokens were the most probable."""
    return (logits.argmax(2) == tokens).sum()


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
