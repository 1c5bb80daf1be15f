"""Parts of `gpt` and `vit`: positions, blocks, initial weights, and a mark for the optimizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.workloads.networks.names import heads_of
from benchmarks.workloads.networks.parts import Layers, Plan


class Positions(nn.Embedding):
    """Adds a learned vector to each place: (B, places, channels) -> the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class Attention(nn.Module):
    """Computes softmax(q k^T / sqrt(c)) v; q, k, v and the result have the shape (B, heads, places, c).

    causal: a place sees itself and the places before it. Plain products, since they repeat bit for bit on every device,
    which torch's fused kernel does not promise of its backward pass on CUDA. On a CPU that one is hardly faster (batch
    12, 64 places, 4 heads of 32, one thread: a block's two passes in 24.0 ms, not 25.1). The mask is made anew each
    time, in microseconds, so that a replica has no state that is no weight.
    """

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal = causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        places = q.shape[-2]
        mask = q.new_full((places, places), -torch.inf).triu_(1) if self.causal else q.new_zeros(1, 1)
        scores = torch.baddbmm(mask, q.flatten(0, 1), k.flatten(0, 1).transpose(1, 2), alpha=q.shape[-1] ** -0.5)
        return (scores.softmax(-1) @ v.flatten(0, 1)).view_as(q)


class SelfAttention(nn.Module):
    """Multi-head self-attention with its projections: (B, places, channels) -> the same shape."""

    def __init__(self, channels: int, heads: int, *, causal: bool, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(channels, 3 * channels, bias)
        self.attention = Attention(causal)
        self.projection = nn.Linear(channels, channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        b, places, channels = x.shape
        q, k, v = self.queries_keys_values(x).view(b, places, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y: Tensor = self.projection(self.attention(q, k, v).transpose(1, 2).reshape(b, places, channels))
        return y


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): (B, places, channels) -> the same shape.

    Norms come first (GPT-2); the MLP has four times the channels, and a GELU.
    """

    def __init__(self, channels: int, heads: int, *, causal: bool, bias: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, bias=bias)
        self.attention = SelfAttention(channels, heads, causal=causal, bias=bias)
        self.norm2 = nn.LayerNorm(channels, bias=bias)
        self.expansion = nn.Linear(channels, 4 * channels, bias)
        self.gelu = nn.GELU()
        self.projection = nn.Linear(4 * channels, channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        y: Tensor = self.projection(self.gelu(self.expansion(self.norm2(x))))
        return x + y


def blocks(plan: Plan, *, causal: bool, bias: bool) -> Layers:
    """Returns the blocks, named block1 and on."""
    heads = plan.heads or heads_of(plan.width)
    return {f"block{i + 1}": Block(plan.width, heads, causal=causal, bias=bias) for i in range(plan.blocks[0])}


def initialised(layers: Layers) -> Layers:
    """Draws the layers' weights as GPT-2's, marks positions, norms and biases `no_decay`, and returns the layers.

    Normal with standard deviation 0.02, divided by sqrt(2 blocks) for the projections that end a residual branch (two
    per block); biases 0, norms 1; convolutions by the number of their inputs.
    """
    residuals = 2 * sum(isinstance(layer, Block) for layer in layers.values())
    for name, module in nn.ModuleDict(layers).named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02 / (residuals**0.5 if name.endswith("projection") else 1))
        elif isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
        if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
        for parameter in module.parameters(recurse=False):
            vars(parameter)["no_decay"] = parameter.ndim == 1 or isinstance(module, Positions)
    return layers
