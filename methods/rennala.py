"""Rennala SGD: the server makes one step by the mean of B gradients that were all taken at its weights of now.

Source: Tyurin, Richtarik (arXiv:2305.12387), as Algorithm 2 of arXiv:2501.16168 has it.

Departures and choices:
- Those of asgd.py. A gradient of earlier weights is ignored, and has cost its batch.
- Weights are sent and charged for every batch, even if a worker already has them.
- The last step of an epoch is by those that are there, which may be fewer than B: an epoch ends in a drain.
- The rate is the schedule's at the ticket of the first of the B batches, and is not multiplied by B.
- B is 2, as in the public code of Ringmaster LMO (vectozavr/ringmaster-lmo); the paper's is max(1, sigma^2 / epsilon).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from methods import Accumulate, Channel, Get, Gradient, Lag, Program, Replica, Update, options, register
from methods.asgd import ASGD, ServerOptions, send_weights
from methods.ringmaster import drop


@options
class RennalaOptions(ServerOptions):
    gradients: Annotated[int, Field(ge=1, le=10**6, description="B, gradients at the same weights for one step")] = 2


@register(title="Rennala SGD", source="arXiv:2501.16168, Algorithm 2; arXiv:2305.12387", name="rennala", place=17)
class Rennala(ASGD):
    """A server that collects."""

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
                yield from step_by(collected)
                collected = []
            yield from send_weights(replica, message)
        if collected:
            yield from step_by(collected)


def step_by(collected: Sequence[Sequence[Gradient]]) -> Program:
    """One update by the mean of several gradients, each a list of all layers'."""
    means = []
    for of_layer in zip(*collected, strict=True):
        means.append((yield Accumulate(*of_layer)))
    yield Update(*means)
