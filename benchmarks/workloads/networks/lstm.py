"""The LSTM of paper A (arXiv:2410.05985v1, section 4.2)."""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.errors import UserError
from benchmarks.workloads.networks.parts import Layers, Plan

NETWORKS = {
    # width: hidden units; blocks: layers
    "lstm": {
        "title": "LSTM",
        "width": 256,
        "blocks": (2,),
        "layers": ("embedding", "lstm{number}", "head"),
        "inputs": "words",
        "batchnorm": False,
    }
}


class Recurrent(nn.Module):
    """One layer of LSTM: (B, words, inputs) -> the hidden state after every word, (B, words, hidden)."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.lstm(x)[0]
        return hidden


class LastStep(nn.Module):
    """Returns the last word's state: (B, words, hidden) -> (B, hidden)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


def lstm(plan: Plan) -> Layers:
    """Builds an embedding, one nn.LSTM per layer, so that each is updated by itself, and a head.

    PyTorch's initial weights.

    int64 words (B, words) -> (B, classes). Raises UserError without a vocabulary.
    """
    if plan.vocabulary is None:
        raise UserError("The LSTM needs the size of its vocabulary: give it a data set of texts.")
    layers: Layers = {"embedding": nn.Embedding(plan.vocabulary, plan.embedding)}
    inputs = plan.embedding
    for i in range(plan.blocks[0]):
        layers[f"lstm{i + 1}"] = Recurrent(inputs, plan.width)
        inputs = plan.width
    layers["head"] = nn.Sequential(LastStep(), nn.Linear(inputs, plan.classes))
    return layers
