"""GPT: nanoGPT's decoder (github.com/karpathy/nanoGPT, model.py), which is GPT-2's without biases."""

from __future__ import annotations

from torch import nn

from benchmarks.workloads.networks.parts import Layers, Plan
from benchmarks.workloads.networks.transformer import Positions, blocks, initialised

# nanoGPT's setting for a processor; width: channels; blocks: how many
NETWORKS = {
    "gpt": {
        "title": "GPT",
        "width": 128,
        "blocks": (4,),
        "layers": ("embedding", "block{number}", "head"),
        "inputs": "tokens",
        "batchnorm": False,
        "attends": True,
    }
}


def gpt(plan: Plan) -> Layers:
    """Builds embedding, blocks and head: int64 (B, T) -> logits (B, T, classes).

    Classes are the vocabulary, T is at most the context. Ours: the last layer's weights are not the embedding's, as
    they are in nanoGPT: the pair would lie in two layers, which methods update apart. No dropout, as there on a
    processor; and no weight decay on positions.
    """
    channels, tokens = plan.width, plan.classes
    return initialised(
        {
            "embedding": nn.Sequential(nn.Embedding(tokens, channels), Positions(plan.shape[0], channels)),
            **blocks(plan, causal=True, bias=False),
            "head": nn.Sequential(nn.LayerNorm(channels, bias=False), nn.Linear(channels, tokens, bias=False)),
        }
    )
