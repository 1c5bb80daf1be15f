"""CoCoD-SGD: local SGD that averages replicas while it computes the next local steps.

Source: Shen et al., "Faster Distributed Deep Net Training: Computation and Communication Decoupled Stochastic Gradient
Descent" (arXiv:1906.12043), Algorithm 1: in a round that begins at x_t all replicas' x_t are averaged while each takes
K local steps; then x_(t+K) <- mean of x_t + (own x_(t+K) - own x_t).

Departures and choices:
- Every device has the same batch size; the paper's proportional sampling for devices of different speed is left out.
- The end of an epoch also ends a round, because workers are drained there. The mean is evaluated (`consensus`).
- On threads the averager reads the weights layer by layer while its trainer continues, so a snapshot may contain a part
  of the round's first update. The mean minus the same snapshot is added, so nothing is lost or added twice.
- Momentum is each replica's own (`averages=weights_and_momentum` averages the optimizer's state with the weights).
- BN buffers are averaged with the weights (`bn_buffers=per_device` leaves them to each device).
- The learning rate is the schedule's (`learning_rate=linear`: times the devices).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from methods import (
    Average,
    Channel,
    Close,
    Correct,
    Get,
    Group,
    LocalSteps,
    NextBatch,
    Program,
    Put,
    Replica,
    Team,
    Worker,
    options,
    register,
    train,
)
from methods.lsgd import AveragingOptions


@options
class CocodOptions(AveragingOptions):
    period: Annotated[int, Field(ge=1, description="K, local steps of a round, during which an average runs")] = 16


@register(title="CoCoD-SGD", source="arXiv:1906.12043, Algorithm 1", name="cocod", place=13)
class CoCoDSGD(LocalSteps):
    """A trainer and an averager per device; every K steps a trainer adds the mean of the replicas of K steps ago."""

    Options = CocodOptions

    def workers(self, team: Team) -> Iterable[Worker]:
        everyone = Group(members=len(team.replicas), name="averagers")
        for replica in team.replicas:
            rounds = Channel(
                name=f"rounds of device {replica.device}"
            )  # a rendezvous, so that the snapshot comes before the step
            means = Channel(None, name=f"means for device {replica.device}")
            yield Worker(self.trainer(replica, rounds, means), device=replica.device, role="trainer")
            program = self.averager(replica, everyone, rounds, means)
            yield Worker(program, device=replica.device, role="averager")

    def trainer(self, replica: Replica, rounds: Channel, means: Channel) -> Program:
        steps = 0
        while (step := (yield NextBatch(replica))) is not None:
            if steps % self.options.period == 0:
                if steps:
                    yield Correct((yield Get(means)))
                yield Put(rounds, "begins")  # all devices begin a round at the same step
            yield from train(replica, step)
            steps += 1
        if steps:
            yield Correct((yield Get(means)))
        yield Close(rounds)

    def averager(self, replica: Replica, everyone: Group, rounds: Channel, means: Channel) -> Program:
        while (yield Get(rounds)) is not None:
            correction = yield Average(everyone, replica, state=self.averages_state, later=True)
            yield Put(means, correction)
