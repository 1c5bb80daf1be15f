"""EASGD: elastic averaging. Each device trains on its own; the device and a centre are pulled towards each other.

Source: Zhang, Choromanska, LeCun, "Deep learning with Elastic Averaging SGD" (arXiv:1412.6651), Algorithm 1, the
asynchronous one; with momentum in the workload's optimizer it is their Algorithm 2, EAMSGD.

Every tau local steps (`period`), with x the weights at which the batch's gradient is taken and c the centre:
    x <- x - alpha (x - c)  and  c <- c + alpha (x - c), both from the old values; then the step by the gradient.

Departures and choices:
- The centre is a replica on a device of its own, the last, whose server handles one message at a time. A device sends x
  before the batch's passes, and mixes in the answer, the old centre, after them. This computes what the algorithm does,
  and hides the communication behind the passes. Each exchange is charged for the weights in both directions.
- The next batch goes to the device that asks first, so faster devices get more.
- The momentum of EAMSGD is the optimizer's, each device's own; so is the point where Nesterov's gradient is taken.
- BatchNorm's running statistics are pulled like the weights (`bn_buffers=per_device`: each device has its own, and the
  centre keeps its initial ones).
- Workers are drained at an epoch's end, without an exchange. The centre is evaluated, whatever `consensus` says.
- alpha is 0.3: their 0.9 / devices, with three of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field

from methods import (
    Anchor,
    Channel,
    Close,
    Get,
    Method,
    Mix,
    NextBatch,
    Program,
    Put,
    Replica,
    Team,
    Update,
    Weights,
    Worker,
    backward,
    forward,
    options,
    register,
)
from methods.asgd import ServerOptions


@options
class ElasticOptions(ServerOptions):
    period: Annotated[int, Field(ge=1, description="tau, local steps between two exchanges with the centre")] = 4
    alpha: Annotated[float, Field(ge=0, le=1, description="how far device and centre move towards each other")] = 0.3


class Visit(NamedTuple):
    """A device's message to the server: its weights, and the channel on which it wants the centre's."""

    weights: Weights
    answer: Channel


@register(title="EASGD", source="arXiv:1412.6651, Algorithm 1", name="easgd", place=30)
class EASGD(Method):
    """A trainer per device, and a server that holds the centre."""

    Options = ElasticOptions

    @property
    def replicas(self) -> int:
        return int(self.options.devices) + self.servers

    servers = 1

    @property
    def evaluated(self) -> Sequence[int]:
        return [self.options.devices]

    needs_one_process = True
    shares_batches = True
    averages_replicas = True
    updates_whole_gradients = True

    def workers(self, team: Team) -> Iterable[Worker]:
        *replicas, centre = team.replicas
        inbox = Channel(None, producers=len(replicas), name="weights for the centre")
        for replica in replicas:
            yield Worker(self.trainer(team, replica, inbox), device=replica.device, role="trainer")
        yield Worker(self.server(centre, inbox), device=centre.device, role="server")

    def trainer(self, team: Team, replica: Replica, inbox: Channel) -> Program:
        answer = Channel(None, name=f"centre for device {replica.device}")
        while (step := (yield NextBatch(replica, shared=True))) is not None:
            due = (self.count_step(team, replica) - 1) % self.options.period == 0
            if due:
                yield Put(inbox, Visit((yield Anchor(replica, replica.layers)), answer))
            yield from forward(replica, step)
            gradients = yield from backward(replica, step)
            if due:
                yield Mix(replica, (yield Get(answer)), share=self.options.alpha)
            yield Update(*gradients)
        yield Close(inbox)

    def server(self, centre: Replica, inbox: Channel) -> Program:
        while (visit := (yield Get(inbox))) is not None:
            yield Put(visit.answer, (yield Anchor(centre, centre.layers)))
            yield Mix(centre, visit.weights, share=self.options.alpha)
