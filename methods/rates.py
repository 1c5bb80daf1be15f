"""The delay-adaptive learning rate of asynchronous SGD: an option of methods whose gradients may be stale.

Source: Mishchenko et al., "Asynchronous SGD Beats Minibatch SGD Under Arbitrary Delays" (arXiv:2206.07638), by the rule
of their public code (konstmish/asynchronous_sgd): with M workers a gradient of delay d is applied at the rate times
M / max(M, d). A delay counts the update itself, so that it is 1 more than the staleness, which counts those of others.

Departures and choices:
- The delay is each layer's own, since here layers are updated one by one.
- M are the batches that a replica's updates may come from at once: what it is, a method says.
- The rate is the optimizer's: with momentum the whole step is scaled, not what the gradient leaves in the momentum.
  (Their analysis and code have no momentum.)
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methods.base import Options, options
from methods.effects import Scale


@options
class RateOptions(Options):
    rate: Annotated[
        Literal["scheduled", "delay_adaptive"],
        Field(description="the schedule's for all gradients, or lower for those of a longer delay (arXiv:2206.07638)"),
    ] = "scheduled"


def scale_of(rate: str, workers: int) -> Scale:
    """What `Update` takes. workers: M, batches that updates of one replica may come from at once."""
    return delay_adaptive(workers) if rate == "delay_adaptive" else 1.0


def delay_adaptive(workers: int) -> Scale:
    return lambda staleness: workers / max(workers, staleness + 1)
