"""Top-k SGD with error feedback, or with another codec: DDP that sends a part of each gradient now, the rest later.

Source: Stich, Cordonnier, Jaggi, "Sparsified SGD with Memory" (arXiv:1809.07599), Algorithm 1 with top-k. Its Algorithm
2 has several workers with an error each, but these do not wait for each other. Related: Deep Gradient Compression
(arXiv:1712.01887).

A device adds its error to a layer's gradient, sends the k entries of largest magnitude of the sum, and keeps the others
as its next error. All devices apply the mean of what was sent. `codec.name=int8` sends all entries, in 8 bits.

Departures and choices:
- k is a share of each layer's entries, at least one; the paper's is a number of entries of the whole vector.
- The error is one of gradients: the learning rate is applied at the update, where the paper keeps rate times gradient.
  With a constant rate and plain SGD both are the same.
- The workload's optimizer makes the step, with its momentum and decay. Deep Gradient Compression's momentum correction,
  momentum masking and warm-up of the share are left out.
- Devices send different entries, so these are gathered: a device sends k values and k indices, 4 bytes each, to Q - 1
  others.
- Those of ddp.py. BatchNorm's running statistics are each device's own, and averaged for evaluation.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methods import Codec, ReplicatedOptions, options, register
from methods.codecs import SHARE
from methods.signsgd import SignSGD


@options
class TopKCodecOptions:
    name: Annotated[
        Literal["topk", "int8"], Field(description="what is sent of a layer: its largest entries, or 8 bits an entry")
    ] = "topk"
    share: Annotated[float, SHARE] = 0.01


@options
class TopKOptions(ReplicatedOptions):
    codec: Annotated[TopKCodecOptions, Field(description="how gradients are compressed")] = TopKCodecOptions()


@register(title="Compressed DDP", source="arXiv:1809.07599, Algorithm 1", name="topk", place=20)
class TopK(SignSGD):
    """DDP whose communicators compress gradients by the codec of the options."""

    Options = TopKOptions

    @property
    def codec(self) -> Codec:
        codec: Codec = self.options.codec
        return codec
