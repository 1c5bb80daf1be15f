"""SGP: stochastic gradient push. Devices push weights to peers, corrected by push-sum, without an all-reduce.

Source: Assran et al., "Stochastic Gradient Push for Distributed Deep Learning" (arXiv:1811.10792), Algorithm 1; with
overlap (their tau-OSGP) as the option `delay`.

A device has biased weights x and a push-sum weight w, and takes gradients at z = x / w. It steps x <- x - rate g, keeps
the share p of x and w, and sends the same share to each of its peers; a receiver of (x', w') adds it to its own x and
w. The replica here holds z, so that
    the step on x is z <- z - (rate / w) g, an `Update` of scale 1 / w;
    sending leaves z as it is, since (p x) / (p w) = z, and changes w only; the message is (z, p w);
    receiving gives (w z + w' z') / (w + w'), the `Mix` of z' into z with the share w' / (w + w').

Departures and choices:
- Graphs: the paper's directed exponential one, in which a device sends to one peer per step, 1, 2, 4, ... places on in
  turn; or all to all. In both, every device sends and receives equally much, so that w stays 1 without a delay.
- With a delay of d, a device waits d steps later for the messages of a step. It sends at every step; tau-OSGP sends at
  every tau-th. Workers are drained at an epoch's end, where all messages are received.
- Momentum is each device's own and is not sent; the scale also applies to the momentum's part of a step.
- Messages are charged for weights, not for w. BN's running statistics are sent too (`bn_buffers=per_device`: not).
- The mean of the replicas' z is evaluated (`consensus`), not weighted by w.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from methods import (
    Anchor,
    Channel,
    Get,
    LocalSteps,
    Mix,
    NextBatch,
    Program,
    Put,
    Replica,
    ReplicatedOptions,
    Team,
    Weights,
    Worker,
    options,
    register,
    train,
)

Links = Mapping[tuple[int, int], Channel]
"""A channel for each pair of devices, from the first to the second."""


class Push(NamedTuple):
    """A message to a peer: the weights z, and the push-sum weight sent with them."""

    weights: Weights
    weight: float


@options
class PushOptions(ReplicatedOptions):
    graph: Annotated[
        Literal["exponential", "complete"],
        Field(description="peers that a device sends to: one per step in turn, or all"),
    ] = "exponential"
    delay: Annotated[
        int, Field(ge=0, le=1000, description="steps until the messages of a step are received (overlap)")
    ] = 0


@register(title="SGP", source="arXiv:1811.10792, Algorithm 1", name="sgp", place=31)
class SGP(LocalSteps):
    """A trainer per device, which sends and mixes weights after each of its steps."""

    Options = PushOptions

    @property
    def needs_one_process(self) -> bool:
        return self.replicas > 1

    def workers(self, team: Team) -> Iterable[Worker]:
        devices = range(len(team.replicas))
        links = {(i, j): Channel(None, name=f"pushes of device {i} to {j}") for i in devices for j in devices if i != j}
        for replica in team.replicas:
            yield Worker(self.trainer(team, replica, links), device=replica.device, role="trainer")

    def trainer(self, team: Team, replica: Replica, links: Links) -> Program:
        weight = weight_of(replica)
        under_way: list[Sequence[int]] = []  # for each step whose messages are to be received: its peers' distances
        while (step := (yield NextBatch(replica))) is not None:
            yield from train(replica, step, scale=1 / team.state.setdefault(weight, 1.0))
            done = self.count_step(team, replica) - 1
            under_way.append(self.distances(done))
            yield from self.send(team, replica, links, under_way[-1])
            if len(under_way) > self.options.delay:
                yield from receive(team, replica, links, under_way.pop(0))
        for distances in under_way:
            yield from receive(team, replica, links, distances)

    def send(self, team: Team, replica: Replica, links: Links, distances: Sequence[int]) -> Program:
        if distances:
            team.state[weight_of(replica)] /= len(distances) + 1
            push = Push((yield Anchor(replica, replica.layers)), team.state[weight_of(replica)])
            for distance in distances:
                yield Put(links[replica.index, (replica.index + distance) % self.replicas], push)

    def distances(self, step: int) -> Sequence[int]:
        """Returns how far away, in device numbers, the peers are to which every device sends after this step."""
        if self.options.graph == "complete" or self.replicas == 1:
            return range(1, self.replicas)
        return [2 ** (step % (self.replicas - 1).bit_length())]


def receive(team: Team, replica: Replica, links: Links, distances: Sequence[int]) -> Program:
    """Receives and mixes in the messages of one step."""
    for distance in distances:
        push = yield Get(links[(replica.index - distance) % len(team.replicas), replica.index])
        team.state[weight_of(replica)] += push.weight
        yield Mix(replica, push.weights, share=push.weight / team.state[weight_of(replica)])


def weight_of(replica: Replica) -> str:
    """Returns the name, in team.state, of a device's push-sum weight."""
    return f"push-sum weight of device {replica.index}"
