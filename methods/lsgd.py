"""L-SGD: local SGD. Each device trains its own replica; every K steps all replicas become their mean.

Source: "Local SGD Meets Asynchrony" (arXiv:2203.06638), equation 4; Zinkevich et al. (2010), Lin et al.
(arXiv:1808.07217).

Departures and choices:
- All devices wait for the average, so that Average's x += mean - snapshot makes x the mean, up to rounding.
- Momentum is each replica's own and is not averaged, as in the public code of Lin et al.
  (`averages=weights_and_momentum` averages the optimizer's state with the weights.)
- BN buffers are averaged with the weights (`bn_buffers=per_device` leaves them to each device).
- Local steps are counted over epochs. The end of an epoch does not average the replicas: their mean is evaluated
  (`consensus`), and training continues from the replicas as they are.
- The learning rate is the schedule's times the devices (Table 1; `learning_rate=published` leaves out the factor).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    Average,
    Group,
    LocalSteps,
    NextBatch,
    Program,
    Replica,
    ReplicatedOptions,
    Team,
    Worker,
    options,
    register,
    train,
)
from methods.later import Later
from methods.mbsgd import MinibatchOptions


@options
class AveragingOptions(ReplicatedOptions):
    averages: Annotated[
        Literal["weights", "weights_and_momentum"],
        Later("weights"),
        Field(description="what is averaged: the weights, or the optimizer's state as well"),
    ] = "weights"


@options
class LocalOptions(MinibatchOptions, AveragingOptions):
    period: Annotated[int, Field(ge=1, description="K, local steps between two averages")] = 16


@register(title="L-SGD", source="arXiv:2203.06638, equation 4", name="lsgd", place=10)
class LocalSGD(LocalSteps):
    """One trainer per device; every K steps all of them wait for each other and average."""

    Options = LocalOptions

    def workers(self, team: Team) -> Iterable[Worker]:
        everyone = Group(members=len(team.replicas), name="everyone")
        for replica in team.replicas:
            yield Worker(self.trainer(team, replica, everyone), device=replica.device, role="trainer")

    def trainer(self, team: Team, replica: Replica, everyone: Group) -> Program:
        while (step := (yield NextBatch(replica))) is not None:
            yield from train(replica, step)
            if self.count_step(team, replica) % self.period(team) == 0:  # at the same step on all devices
                yield Average(everyone, replica, state=self.averages_state)

    def period(self, team: Team) -> int:
        """Returns K_j, the steps between two averages in the current epoch."""
        return int(self.options.period)
