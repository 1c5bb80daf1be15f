"""Top-k SGD with error feedback, or with another codec: DDP that sends part of each gradient now, the rest later.

Source: Stich, Cordonnier, Jaggi, "Sparsified SGD with Memory" (arXiv:1809.07599), Algorithm 1 with top-k; its
Algorithm 2 has several workers, which keep an error each, but do not wait for each other. Deep Gradient Compression
(arXiv:1712.01887) is its kin.

A device adds its error to a layer's gradient, sends the k entries of the sum that are largest in magnitude, and keeps
the others as its next error. All apply the mean of what all have sent. `codec.name=int8` sends all entries, in 8 bits.

Departures and choices:
- k is a share of each layer, one entry at least; the paper's is a number of entries of the whole vector.
- The error is of gradients and not of steps: the rate is taken at the update, where the paper keeps rate times
  gradient. With a constant rate and plain SGD both are the same.
- The workload's optimizer makes the step, with its momentum and decay. Of Deep Gradient Compression there is neither
  momentum correction, nor masking of momentum, nor a warm-up of the share.
- The entries of several devices differ, so they are gathered: Q - 1 messages of k values and k indices, 4 bytes each.
- Those of ddp.py. BatchNorm's running statistics are each device's own, and averaged where the network is evaluated.
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
    """DDP whose communicators compress."""

    Options = TopKOptions

    @property
    def codec(self) -> Codec:
        codec: Codec = self.options.codec
        return codec
