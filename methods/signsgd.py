"""EF-signSGD: DDP that sends the signs of a gradient, one bit per entry, with error feedback.

Source: Karimireddy, Rebjock, Stich, Jaggi, "Error Feedback Fixes SignSGD and other Gradient Compression Schemes"
(arXiv:1901.09847), Algorithm 1 on every device; several devices as in dist-EF-SGD (arXiv:1905.10936), except that its
server also compresses what it sends back.

A device adds its error to a layer's gradient, sends the signs of the sum and its mean magnitude, and keeps the
difference as its next error. All devices apply the mean of what was sent.

Departures and choices:
- The error is one of gradients: the learning rate is applied at the update, where the paper compresses rate times
  gradient. With a constant rate and plain SGD both are the same.
- The workload's optimizer makes the step, with its momentum and decay; the paper's is SGD without either.
- The scale is the mean magnitude of a layer; the paper's experiments have one per tensor. A 0 is sent as plus.
- Signs of several devices cannot be added up, so they are gathered: a device sends its own to Q - 1 others. The
  majority vote of Bernstein et al. (arXiv:1802.04434), without error feedback, is not offered.
- Those of ddp.py. BatchNorm's running statistics are each device's own, and averaged for evaluation.
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
    """DDP whose communicators compress gradients."""

    @property
    def codec(self) -> Codec:
        return Sign()

    def encode(self, team: Team, replica: Replica, gradient: Gradient) -> Generator[Effect, Any, Gradient]:
        return (yield from compressed(team, replica, gradient, self.codec))
