"""Ringmaster ASGD: asynchronous SGD that ignores gradients whose delay is R or more.

Source: Maranjyan, Tyurin, Richtarik (arXiv:2501.16168), Algorithm 4, "without calculation stops".

Departures and choices:
- Those of asgd.py. A gradient's delay is the number of server steps since the server sent the weights for it.
- The batch of an ignored gradient is lost: the epoch does not replace it.
- Algorithm 5, which stops a gradient's computation once it is too late, needs interruptible workers and is left out.
- R is 2, as in the public code of Ringmaster LMO (vectozavr/ringmaster-lmo); the paper's is max(1, sigma^2 / epsilon).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from methods import Drop, Gradient, Lag, Program, Update, options, register
from methods.asgd import ASGD, ServerOptions


@options
class RingmasterOptions(ServerOptions):
    threshold: Annotated[int, Field(ge=1, le=10**6, description="R: gradients of this delay or more are ignored")] = 2


@register(title="Ringmaster ASGD", source="arXiv:2501.16168, Algorithm 4", name="ringmaster", place=16)
class Ringmaster(ASGD):
    """ASGD with a server that drops gradients of delay R or more."""

    Options = RingmasterOptions
    drops_gradients = True

    def receive(self, gradients: Sequence[Gradient]) -> Program:
        lag = yield Lag(gradients[0])  # the same for all layers, which only the server updates, all at once
        if lag.staleness < self.options.threshold:
            yield Update(*gradients)
        else:
            yield from drop(gradients)


def drop(gradients: Sequence[Gradient]) -> Program:
    for gradient in gradients:
        yield Drop(gradient)
