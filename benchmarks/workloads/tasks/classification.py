"""Classification: a number for each class of an input, the label's to be the highest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.workloads.tasks import Task
from results.records.spec import ACCURACY

if TYPE_CHECKING:
    from torch import Tensor


def loss(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Returns the mean cross-entropy in nats of logits (..., classes) and int64 labels (...)."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction=reduction)


def sums(logits: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
    """Returns the sums of cross-entropy and of accuracy in percent over the labels."""
    return {"accuracy_percent": 100 * right(logits, labels), "loss": loss(logits, labels, "sum")}


def right(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns how many labels have the highest logit."""
    return (logits.argmax(-1) == labels).sum()


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
