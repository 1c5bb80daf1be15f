"""Asynchronous SGD with a parameter server: workers fetch its weights, and it applies each gradient on arrival.

Source: Algorithm 1 of Ringmaster ASGD (arXiv:2501.16168); Mishchenko et al. (arXiv:2206.07638).

Departures and choices:
- The server is a device of its own, the last, and has the only replica. It handles one message at a time, so the
  weights that it sends are those of one iterate: a copy, pinned to the batch for which they are sent.
- The links are charged for each message: a gradient together with the request for weights, and the weights (all layers'
  bytes). In the papers both are free.
- The next batch goes to the device that asks first, so faster devices get more. A gradient's learning rate is the
  schedule's at the batch's ticket, which is drawn when the batch begins.
- Workers are drained at the end of an epoch, where all wait for the slowest; the papers' workers never stop.
- BatchNorm's running statistics are the server's; forward passes write them directly, without a charge.
- The rate is the schedule's; `rate=delay_adaptive` lowers it for gradients of a long delay (rates.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from methods import (
    NEVER_LATE,
    Channel,
    Close,
    Devices,
    Get,
    Gradient,
    Method,
    NextBatch,
    Options,
    Program,
    Put,
    RateOptions,
    Replica,
    Snapshot,
    Step,
    Team,
    Update,
    Worker,
    backward,
    forward,
    options,
    register,
    scale_of,
)


@options
class ServerOptions(Options):
    devices: Annotated[Devices, Field(description="Q, devices that compute gradients; the server is one more")] = 3


@options
class ASGDOptions(RateOptions, ServerOptions):
    pass


class Message(NamedTuple):
    """A worker's message to the server: a gradient, and a request for weights.

    gradients: one per layer, last layer first; empty in a worker's first message.
    step: the batch to which the server is to pin its weights; None after the last batch.
    weights: the channel on which the server is to answer.
    """

    gradients: Sequence[Gradient]
    step: Step | None = None
    weights: Channel | None = None


@register(title="ASGD", source="arXiv:2501.16168, Algorithm 1", name="asgd", place=15)
class ASGD(Method):
    """Q workers that compute gradients, and a server that applies them."""

    Options: ClassVar[Any] = ASGDOptions

    @property
    def devices(self) -> int:
        return int(self.options.devices) + self.servers

    servers = 1
    shares_batches = True
    gradient_at = "forward"
    updates_whole_gradients = True

    @property
    def special_case(self) -> str:
        late = self.options.devices > 1 or getattr(self.options, "rate", "") != "delay_adaptive"
        return "" if late else NEVER_LATE

    def workers(self, team: Team) -> Iterable[Worker]:
        replica, workers = team.replica, range(self.options.devices)
        inbox = Channel(None, producers=len(workers), name="gradients for the server")
        yield Worker(self.server(replica, inbox), device=len(workers), role="server", holds=replica.layers)
        for q in workers:
            yield Worker(self.worker(replica, inbox, Channel(None, name=f"weights for device {q}")), q, role="worker")

    def worker(self, replica: Replica, inbox: Channel, weights: Channel) -> Program:
        gradients: Sequence[Gradient] = ()
        while (step := (yield NextBatch(replica, shared=True))) is not None:
            yield Put(inbox, Message(gradients, step, weights))
            yield Get(weights)
            yield from forward(replica, step)
            gradients = yield from backward(replica, step)
        yield Put(inbox, Message(gradients))
        yield Close(inbox)

    def server(self, replica: Replica, inbox: Channel) -> Program:
        while (message := (yield Get(inbox))) is not None:
            if message.gradients:
                yield from self.receive(message.gradients)
            yield from send_weights(replica, message)

    def receive(self, gradients: Sequence[Gradient]) -> Program:
        """Applies an arrived gradient: line 4 of Algorithm 1."""
        yield Update(*gradients, scale=scale_of(self.options.rate, self.options.devices))


def send_weights(replica: Replica, message: Message) -> Program:
    """Sends the current weights, pinned to the message's step, if the message asks for them."""
    if message.step is not None and message.weights is not None:
        for layer in replica.layers:
            yield Snapshot(layer, message.step)
        yield Put(message.weights, message.step)
