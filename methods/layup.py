"""LayUp: each layer is updated as soon as its gradient is computed, then its weights go to one random device.

Source: "LayUp: Asynchronous decentralized gradient descent with layer-wise updates" (arXiv:2410.05985v4), of which only
the abstract was available: layer-wise updates exchanged "during backpropagation" by "randomized gossip communication",
applied "as soon as they are available without buffering". What it leaves open follows GoSGD (Blot et al.,
arXiv:1611.09726), whose gossip it resembles, layer by layer:

- After every update of a layer, its weights are sent to one other device, each with equal probability. The receiver
  mixes them in at once, even in the middle of a batch.
- Shares are those of push-sum: a layer has a weight w on each device, 1 at first. The sender keeps half of it and sends
  half; a device that receives w' mixes with the share w' / (w + w') and then has w + w'. There is one w per layer,
  since the layers of a batch go to different devices.
- The rate is the schedule's, as in GoSGD. (SGP's rate at biased weights would be divided by w.)
- One worker runs forward and backward passes in turn: the abstract does not mention version 3's threads (pdasgd.py).
- The backward pass uses the current weights, which others may have changed since the forward pass (`weights=forward`:
  those that the forward pass read).
- The next batch goes to the device that asks first, so none waits for the slowest (`shares=equal`: equally many each).
- Messages that arrive while a device computes wait in an unbounded queue.
- Momentum is each device's own, and is not sent; BatchNorm's running statistics are sent with a layer
  (`bn_buffers=per_device`: they are not). An epoch ends in a drain, in which all messages arrive; the mean of the
  replicas is evaluated (`consensus`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from methods import (
    Anchor,
    Backward,
    Channel,
    Close,
    Get,
    Layer,
    Mix,
    NextBatch,
    Program,
    Put,
    Replica,
    Replicated,
    SharingOptions,
    Team,
    Update,
    Worker,
    forward,
    options,
    register,
)
from methods.sgp import Push


@options
class LayerGossipOptions(SharingOptions):
    weights: Annotated[
        Literal["current", "forward"],
        Field(description="weights of the backward pass: the live ones, or those that the forward pass read"),
    ] = "current"
    shares: Annotated[
        Literal["equal", "dynamic"],
        Field(description="batches of an epoch: each replica's equal share, or the next for whichever asks first"),
    ] = "dynamic"


class Updated(NamedTuple):
    """A trainer's message to its device's communicator: the layer that it has updated; None after its last update."""

    layer: Layer | None


@register(title="LayUp", source="arXiv:2410.05985v4 (abstract)", name="layup", place=32)
class LayUp(Replicated):
    """A trainer per device, and a communicator that sends its layers and mixes in those of other devices."""

    Options = LayerGossipOptions
    averages_replicas = True

    @property
    def needs_one_process(self) -> bool:
        return self.replicas > 1

    def workers(self, team: Team) -> Iterable[Worker]:
        """Yields the workers; an inbox's producers are its device's trainer and all other devices' communicators."""
        many = len(team.replicas)
        inboxes = [Channel(None, producers=many, name=f"layers for device {q}") for q in range(many)]
        for replica, inbox in zip(team.replicas, inboxes, strict=True):
            yield Worker(self.trainer(replica, inbox), device=replica.device, role="trainer")
            others = [box for box in inboxes if box is not inbox]
            program = self.communicator(team, replica, inbox, others)
            yield Worker(program, device=replica.device, role="communicator")

    def trainer(self, replica: Replica, inbox: Channel) -> Program:
        pin = "layer" if self.options.weights == "forward" else "never"
        while (step := (yield NextBatch(replica, shared=self.shares_batches))) is not None:
            yield from forward(replica, step, pin=pin)
            for layer in reversed(replica.layers):
                yield Update((yield Backward(layer, step)))
                yield Put(inbox, Updated(layer))
        yield Put(inbox, Updated(None))
        yield Close(inbox)

    def communicator(self, team: Team, replica: Replica, inbox: Channel, others: Sequence[Channel]) -> Program:
        draws = team.random(f"peers of device {replica.index}")
        while (message := (yield Get(inbox))) is not None:
            if isinstance(message, Push):
                weight = weight_of(message.weights.layers[0], replica)
                team.state[weight] = total = team.state.get(weight, 1.0) + message.weight
                yield Mix(replica, message.weights, share=message.weight / total)
            elif message.layer is None:
                for other in others:
                    yield Close(other)
            elif others:
                weight = weight_of(message.layer, replica)
                team.state[weight] = half = team.state.get(weight, 1.0) / 2
                yield Put(draws.choice(others), Push((yield Anchor(replica, [message.layer])), half))


def weight_of(layer: Layer, replica: Replica) -> str:
    """Returns the name, in team.state, of a layer's push-sum weight on a device."""
    return f"push-sum weight of {layer.name} on device {replica.index}"
