"""Rennala SGD: the server takes one step by the mean of B gradients that were all computed at its current weights.

Source: Tyurin, Richtarik (arXiv:2305.12387), as stated in Algorithm 2 of arXiv:2501.16168.

Departures and choices:
- Those of asgd.py. A gradient at earlier weights is dropped, and its batch is lost.
- Weights are sent and charged for every batch, even if a worker already has them.
- The last step of an epoch, which ends in a drain, may be by fewer than B gradients.
- The rate is the schedule's at the ticket of the first of the B batches, and is not multiplied by B.
- B is 2, as in the public code of Ringmaster LMO (vectozavr/ringmaster-lmo); the paper's is max(1, sigma^2 / epsilon).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from methods import Channel, Get, Gradient, Lag, Program, Replica, options, register
from methods.asgd import ASGD, ServerOptions, send_weights
from methods.effects import update_by_mean
from methods.ringmaster import drop


@options
class RennalaOptions(ServerOptions):
    gradients: Annotated[int, Field(ge=1, le=10**6, description="B, gradients at the same weights for one step")] = 2


@register(title="Rennala SGD", source="arXiv:2501.16168, Algorithm 2; arXiv:2305.12387", name="rennala", place=17)
class Rennala(ASGD):
    """ASGD with a server that collects B fresh gradients for each step."""

    Options = RennalaOptions

    @property
    def batches_per_update(self) -> int:
        return int(self.options.gradients)

    drops_gradients = True

    def server(self, replica: Replica, inbox: Channel) -> Program:
        collected: list[Sequence[Gradient]] = []
        while (message := (yield Get(inbox))) is not None:
            if message.gradients:
                lag = yield Lag(message.gradients[0])
                if lag.staleness:
                    yield from drop(message.gradients)
                else:
                    collected.append(message.gradients)
            if len(collected) == self.options.gradients:
                yield from update_by_mean(collected)
                collected = []
            yield from send_weights(replica, message)
        if collected:
            yield from update_by_mean(collected)
