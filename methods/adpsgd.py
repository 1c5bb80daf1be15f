"""AD-PSGD: asynchronous decentralised SGD. Each device averages with one random neighbour at a time, without barriers.

Source: Lian et al., "Asynchronous Decentralized Parallel Stochastic Gradient Descent" (arXiv:1710.06952), Algorithm 1,
on the bipartite graph of active and passive devices that their implementation uses against deadlocks: an active device
asks a passive one, which answers.

Departures and choices:
- Devices of even number are active, the others passive. An active device asks any passive one with equal probability
  (the complete bipartite graph); in the paper the graph is the user's choice.
- A communicator per device averages while its trainer computes. An active one begins its next average after the trainer
  has made at least one more update: one average per batch, or fewer if averages take longer than batches.
- An average adds (mean - own snapshot) to both x_i and x_j, so that updates made in the meantime are kept; theirs is
  atomic, between two updates.
- The gradient is taken at a copy of the weights from before the forward pass (`weights=current`: at the live ones).
- Momentum is each device's own and is not averaged; BN buffers are averaged (`bn_buffers=per_device`: they are not).
- Each device gets the same number of batches in an epoch. With `shares=dynamic` the next batch goes to whichever device
  asks, so that a slow device delays no other, as in the paper, which has no epochs.
- Workers are drained at the end of an epoch; the mean of the replicas is evaluated (`consensus`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    Average,
    Await,
    Channel,
    Close,
    Count,
    Counter,
    Get,
    Group,
    LocalSteps,
    NextBatch,
    Program,
    Put,
    Replica,
    SharingOptions,
    Team,
    Worker,
    options,
    register,
    train,
)


@options
class GossipOptions(SharingOptions):
    weights: Annotated[
        Literal["forward", "current"],
        Field(description="weights at which gradients are computed: a snapshot, or the live ones"),
    ] = "forward"


@register(title="AD-PSGD", source="arXiv:1710.06952, Algorithm 1", name="adpsgd", place=14)
class ADPSGD(LocalSteps):
    """A trainer per device, and a communicator that starts averages (even devices) or answers (odd devices)."""

    Options = GossipOptions

    @property
    def needs_one_process(self) -> bool:
        return self.replicas > 1

    def workers(self, team: Team) -> Iterable[Worker]:
        active, passive = team.replicas[::2], team.replicas[1::2]
        inboxes = {r.index: Channel(None, producers=len(active), name=f"askers of device {r.device}") for r in passive}
        for replica in team.replicas:
            counter = Counter(name=f"updates of device {replica.device}")
            yield Worker(self.trainer(replica, counter), device=replica.device, role="trainer")
            if replica.index in inboxes:
                yield Worker(self.answer(replica, inboxes[replica.index]), device=replica.device, role="communicator")
            elif passive:
                program = self.ask(team, replica, counter, list(inboxes.values()))
                yield Worker(program, device=replica.device, role="communicator")

    def trainer(self, replica: Replica, counter: Counter) -> Program:
        pin = "start" if self.options.weights == "forward" else "never"
        while (step := (yield NextBatch(replica, shared=self.shares_batches))) is not None:
            yield from train(replica, step, pin=pin)
            yield Count(counter)
        yield Close(counter)

    def ask(self, team: Team, replica: Replica, counter: Counter, inboxes: Sequence[Channel]) -> Program:
        draws = team.random(f"communicator of device {replica.index}")
        before = 0
        while (now := (yield Await(counter, at_least=before + 1))) > before:
            inbox = draws.choice(inboxes)
            pair = Group(members=2, name=f"device {replica.device} and one of the {inbox.name}")
            yield Put(inbox, pair)
            yield Average(pair, replica)
            before = now
        for inbox in inboxes:
            yield Close(inbox)

    def answer(self, replica: Replica, inbox: Channel) -> Program:
        while (pair := (yield Get(inbox))) is not None:
            yield Average(pair, replica)
