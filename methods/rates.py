"""The delay-adaptive learning rate of asynchronous SGD: an option of methods whose gradients may be stale.

Source: Mishchenko et al., "Asynchronous SGD Beats Minibatch SGD Under Arbitrary Delays" (arXiv:2206.07638), by the rule
of their public code (konstmish/asynchronous_sgd): with M workers a gradient of delay d is applied at the rate times
M / max(M, d). A delay counts the update itself, so that it is 1 more than the staleness, which counts those of others.

What does it do? Of M workers at equal speeds none gets ahead of another, so that no delay is beyond M: the rate is then
the schedule's, update by update. It is lower where workers differ in speed (`delays` of a hardware card, real threads),
and where batches wait between workers: those of Async LU's queue, which is at no worker and is not counted in M.

Departures and choices:
- The delay is each layer's own, since here layers are updated one by one.
- M are the workers that compute for a replica: Async LU's forward and backward threads, LAP-SGD's updaters. In the
  public code a worker takes weights and brings a gradient by itself; here forward and backward threads share a batch.
- The rate is the optimizer's: with momentum the whole step is scaled, not what the gradient leaves in the momentum.
  (Their analysis and code have no momentum.)
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methods.base import Options, options
from methods.effects import Scale
from methods.later import Later


@options
class RateOptions(Options):
    rate: Annotated[
        Literal["scheduled", "delay_adaptive"],
        Later("scheduled"),
        Field(
            description="the schedule's for all gradients, or lower for those whose delay is beyond the number of "
            "workers (arXiv:2206.07638): none is where workers are equally fast and no queue is between them"
        ),
    ] = "scheduled"


def scale_of(rate: str, workers: int) -> Scale:
    """Returns the `scale` for Update. rate: the option's value. workers: M, those that compute for one replica."""
    return delay_adaptive(workers) if rate == "delay_adaptive" else 1.0


def delay_adaptive(workers: int) -> Scale:
    """Returns the scale M / max(M, delay), where the delay is the staleness in updates plus 1."""
    return lambda staleness: workers / max(workers, staleness + 1)


NEVER_LATE = "{rows} has no gradient that is later than it has workers: its delay-adaptive rate is the schedule's."
