"""EF-signSGD: DDP that sends one bit an entry, a gradient's signs, and feeds back what is lost.

Source: Karimireddy, Rebjock, Stich, Jaggi, "Error Feedback Fixes SignSGD and other Gradient Compression Schemes"
(arXiv:1901.09847), Algorithm 1 on every device; with several as in dist-EF-SGD
(arXiv:1905.10936), but for its server, which compresses what it sends back.

A device adds its error to a layer's gradient, sends the signs of the sum and its mean magnitude, and keeps the rest as
its next error. All apply the mean of what all have sent.

Departures and choices:
- The error is of gradients and not of steps: the rate is taken at the update, where the paper compresses rate times
  gradient. With a constant rate and plain SGD both are the same.
- The workload's optimizer makes the step, with its momentum and decay; the paper's is SGD without either.
- The scale is the mean magnitude of a layer, a unit of updates here; the paper's experiments have one per tensor. A 0
  is sent as plus.
- Signs of several devices do not add up, so they are gathered: Q - 1 messages of each. The majority vote of Bernstein
  et al. (arXiv:1802.04434), whose server answers in signs as well and feeds back no error, is not here.
- Those of ddp.py. BatchNorm's running statistics are each device's own, and averaged where the network is evaluated.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

from methods import Codec, Effect, Gradient, Replica, Team, compressed, register
from methods.ddp import DDP


class Sign(NamedTuple):
    name: str = "sign"
    share: float = 1.0


@register(title="EF-signSGD", source="arXiv:1901.09847, Algorithm 1", name="signsgd", place=21)
class SignSGD(DDP):
    """DDP whose communicators compress."""

    @property
    def codec(self) -> Codec:
        return Sign()

    def encode(self, team: Team, replica: Replica, gradient: Gradient) -> Generator[Effect, Any, Gradient]:
        return (yield from compressed(team, replica, gradient, self.codec))
