"""The vision transformer (Dosovitskiy et al., arXiv:2010.11929), for small images."""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.workloads.networks.parts import Layers, Plan
from benchmarks.workloads.networks.transformer import Positions, blocks, initialised

# ours: DeiT-Ti's channels (Touvron et al., arXiv:2012.12877, table 1) and a third of its blocks; width: channels
NETWORKS = {
    "vit": {
        "title": "ViT",
        "width": 192,
        "blocks": (4,),
        "layers": ("embedding", "block{number}", "head"),
        "batchnorm": False,
        "attends": True,
        "patched": True,
    }
}


class Patches(nn.Conv2d):
    """Embeds each patch, row by row: (B, inplanes, H, W) -> (B, patches, planes)."""

    def __init__(self, inplanes: int, planes: int, side: int) -> None:
        super().__init__(inplanes, planes, side, side)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).flatten(2).transpose(1, 2)


class MeanOfPlaces(nn.Module):
    """Averages over the places: (B, places, channels) -> (B, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def vit(plan: Plan) -> Layers:
    """Builds embedding, blocks and head: (B, channels, H, W) -> (B, classes).

    A patch is `patch` pixels a side. Ours: the mean over the places instead of a token for the class (as Beyer et al.,
    arXiv:2205.01580), initial weights as `gpt`'s, and no dropout. Positions begin as large as the patches, with
    standard deviation 1: with 0.02, a short run tells places apart too late (51 %, not 89 %, on digits at scale smoke).
    """
    channels, patch, (inplanes, height, width) = plan.width, plan.patch, plan.shape
    positions = Positions((height // patch) * (width // patch), channels)
    layers = initialised(
        {
            "embedding": nn.Sequential(Patches(inplanes, channels, patch), positions),
            **blocks(plan, causal=False, bias=True),
            "head": nn.Sequential(nn.LayerNorm(channels), MeanOfPlaces(), nn.Linear(channels, plan.classes)),
        }
    )
    nn.init.normal_(positions.weight)
    return layers
