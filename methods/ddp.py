"""DDP: synchronous data-parallel SGD with all-reduced gradients.

Source: arXiv:2410.05985v1, appendix A.2, Tables 7 and 8 (PyTorch DistributedDataParallel on 3 GPUs).

Departures and choices:
- A communicator per device reduces a layer's gradient while the backward pass continues. PyTorch reduces buckets of 25
  MB; here a bucket is a layer.
- The global batch is devices x batch (384 in the paper). The paper does not say whether its learning rate was scaled:
  by default it is the schedule's, `learning_rate=linear` multiplies it by the devices.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from methods import (
    AllReduce,
    Backward,
    Channel,
    Close,
    Effect,
    Get,
    Gradient,
    Group,
    NextBatch,
    Program,
    Put,
    Replica,
    Replicated,
    Team,
    Update,
    Worker,
    forward,
    register,
)


@register(title="DDP", source="arXiv:2410.05985v1, appendix A.2", name="ddp", place=8)
class DDP(Replicated):
    """Each device computes a gradient on its own batch; all apply the mean, reduced during the backward pass."""

    @property
    def batches_per_update(self) -> int:
        return self.replicas

    updates_whole_gradients = True

    def workers(self, team: Team) -> Iterable[Worker]:
        everyone = Group(members=len(team.replicas), name="all-reduce")
        for replica in team.replicas:
            local = Channel(capacity=None, name=f"gradients of device {replica.device}")
            reduced = Channel(capacity=None, name=f"mean gradients for device {replica.device}")
            yield Worker(self.trainer(replica, local, reduced), device=replica.device, role="trainer")
            program = self.communicator(team, replica, everyone, local, reduced)
            yield Worker(program, device=replica.device, role="communicator")

    def trainer(self, replica: Replica, local: Channel, reduced: Channel) -> Program:
        while (step := (yield NextBatch(replica))) is not None:
            yield from forward(replica, step)
            for layer in reversed(replica.layers):
                gradient = yield Backward(layer, step)
                yield Put(local, gradient)
            means = []
            for _ in replica.layers:
                means.append((yield Get(reduced)))
            yield Update(*means)
        yield Close(local)

    def communicator(self, team: Team, replica: Replica, everyone: Group, local: Channel, reduced: Channel) -> Program:
        while (gradient := (yield Get(local))) is not None:
            mean = yield AllReduce(everyone, replica, (yield from self.encode(team, replica, gradient)))
            yield Put(reduced, mean)

    def encode(self, team: Team, replica: Replica, gradient: Gradient) -> Generator[Effect, Any, Gradient]:
        """Returns the gradient to send; subclasses compress it."""
        yield from ()
        return gradient
