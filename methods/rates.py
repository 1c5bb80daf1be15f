"""The delay-adaptive learning rate of asynchronous SGD: an option of methods whose gradients may be stale.

Source: Mishchenko et al., "Asynchronous SGD Beats Minibatch SGD Under Arbitrary Delays" (arXiv:2206.07638), by the rule
of their public code (konstmish/asynchronous_sgd): with M workers, a gradient of delay d is applied at the rate times M
/ max(M, d). The delay is the staleness plus 1: it also counts the update itself.

With M workers of equal speed no delay exceeds M, so every update has the schedule's rate. The rate is lower if workers
differ in speed (`delays` of a hardware card, real threads), or if batches wait between workers: batches in Async LU's
queue are not counted in M.

Departures and choices:
- Each layer has its own delay, since layers are updated one by one.
- M is the number of workers that compute for a replica: Async LU's forward and backward threads, LAP-SGD's updaters. In
  the public code one worker computes a whole batch; here a forward and a backward thread share it.
- With momentum the whole step is scaled; the momentum buffer takes the unscaled gradient. Their analysis and code have
  no momentum.
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
            description="the schedule's rate, or a lower one for gradients whose delay exceeds the number of workers "
            "(arXiv:2206.07638); with equally fast workers and no queue none does"
        ),
    ] = "scheduled"


def scale_of(rate: str, workers: int) -> Scale:
    """Returns the `scale` of an Update.

    rate: the option's value, "scheduled" or "delay_adaptive".
    workers: M, the number of workers that compute for one replica.
    """
    return delay_adaptive(workers) if rate == "delay_adaptive" else 1.0


def delay_adaptive(workers: int) -> Scale:
    """Returns the scale M / max(M, delay), where the delay is the staleness in updates plus 1."""
    return lambda staleness: workers / max(workers, staleness + 1)


NEVER_LATE = "{rows} has no gradient that is later than it has workers: its delay-adaptive rate is the schedule's."
