"""Classification: a number for each class of an input, the label's to be the highest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.workloads.tasks import Task
from results.records.spec import ACCURACY

if TYPE_CHECKING:
    from torch import Tensor


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean cross-entropy in nats of logits (B, classes) and int64 labels (B,)."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits, labels)


def sums(logits: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
    """Returns the sums of cross-entropy and of accuracy in percent over the batch."""
    from torch.nn.functional import cross_entropy

    return {"accuracy_percent": 100 * right(logits, labels), "loss": cross_entropy(logits, labels, reduction="sum")}


def right(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns how many of the batch are classified correctly."""
    return (logits.argmax(1) == labels).sum()


TASK = Task(
    name="classification",
    title="classification",
    judge=ACCURACY,
    loss=loss,
    sums=sums,
    right=right,
    output_shape=lambda inputs, classes: (inputs[0], classes),
    output_words="a number for each class",
)
